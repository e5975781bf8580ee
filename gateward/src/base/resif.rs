//! How the tables and columns of RESIF's databases are called.
//!
//! The defaults are those of RESIF and of its `eidaws-auth`. Where that wrote by position and not by
//! name, so do we unless a name is given.

use serde::Deserialize;
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};

use super::sql_name::{ColumnName, TableName};

/// How to find a column whose name differs between installations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// By its place in the table, from 1.
    Nth(usize),
    /// The first column of text that has no other meaning here.
    FirstText,
}

impl Place {
    /// In words, for whoever asks which column is meant.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Nth(1) => "the first column",
            Self::Nth(2) => "the second column",
            Self::Nth(3) => "the third column",
            Self::Nth(4) => "the fourth column",
            Self::Nth(_) => "the fifth column",
            Self::FirstText => "the first column of text that is not the network's code",
        }
    }
}

/// A column: by its name, or where none is given by its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// This name.
    Named(ColumnName),
    /// Whatever its name is.
    At(Place),
}

impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        ColumnName::deserialize(from).map(Self::Named)
    }
}

/// Reads `"table"` as short for `{ table = "table" }`.
fn text_or_table<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    from: D,
    whole: fn(TableName) -> T,
) -> Result<T, D::Error> {
    struct TextOrTable<T>(fn(TableName) -> T);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for TextOrTable<T> {
        type Value = T;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the name of a table, or { table = \"...\", and names of columns }")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            text.to_owned().try_into().map(self.0).map_err(E::custom)
        }

        fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(table))
        }
    }

    from.deserialize_any(TextOrTable(whole))
}

macro_rules! table {
    (
        $(#[$doc:meta])* $name:ident($table:literal), read by $read:ident {
            $($(#[$column_doc:meta])* $column:ident: $default:expr,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            /// The table.
            pub table: TableName,
            $($(#[$column_doc])* pub $column: Column,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self::in_table($table.to_owned().try_into().expect("a default is a name"))
            }
        }

        impl $name {
            fn in_table(table: TableName) -> Self {
                Self { table, $($column: $default,)* }
            }

            /// Every column, by the name that the configuration has for it.
            pub fn columns(&self) -> Vec<(&'static str, &Column)> {
                vec![$((stringify!($column), &self.$column),)*]
            }
        }

        fn $read<'de, D: serde::Deserializer<'de>>(from: D) -> Result<$name, D::Error> {
            text_or_table(from, $name::in_table)
        }
    };
}

fn named(name: &str) -> Column {
    Column::Named(name.to_owned().try_into().expect("a default is a name"))
}

const fn nth(place: usize) -> Column {
    Column::At(Place::Nth(place))
}

table!(
    /// Everybody with a login, static and temporary.
    Users("users"), read by users {
        /// The number of a user.
        user_index: named("user_index"),
        /// The login.
        login: named("login"),
        /// The first name, `Temp` for temporary logins.
        first_name: nth(3),
        /// The last name, `EIDA` for temporary logins.
        last_name: nth(4),
        /// The mail address, `LOGIN@eida` for temporary logins.
        email: nth(5),
        /// When the login ends, in the database's own time zone; null for ever.
        expires_at: named("expires_at"),
    }
);
table!(
    /// What data services compare passwords with.
    Credentials("credentials"), read by credentials {
        /// The number of the user.
        user_index: named("user_index"),
        /// `md5(login:realm:password)` in hexadecimal digits.
        hash: nth(3),
    }
);
table!(
    /// Which networks a group of EPOS means.
    EposFdsn("epos_fdsn"), read by epos_fdsn {
        /// The group, as tokens have it.
        group: Column::At(Place::FirstText),
        /// The network's code.
        network: named("network"),
        /// Its first year.
        start_year: named("start_year"),
        /// Its last year.
        end_year: named("end_year"),
    }
);
table!(
    /// The networks there are.
    Networks("networks"), read by networks {
        /// The number of a network.
        network_id: named("network_id"),
        /// Its code.
        network: named("network"),
        /// Its first year.
        start_year: named("start_year"),
        /// Its last year.
        end_year: named("end_year"),
    }
);
table!(
    /// Who may have the data of which network.
    Privileges("aut_user"), read by privileges {
        /// The number of the network.
        network_id: named("network_id"),
        /// Its code.
        network: named("network"),
        /// Its first year.
        start_year: named("start_year"),
        /// Its last year.
        end_year: named("end_year"),
        /// The login.
        name: named("name"),
    }
);

/// The five tables.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tables {
    /// In the database of logins.
    #[serde(deserialize_with = "users")]
    pub users: Users,
    /// In the database of logins.
    #[serde(deserialize_with = "credentials")]
    pub credentials: Credentials,
    /// In the database of logins; read only.
    #[serde(deserialize_with = "epos_fdsn")]
    pub epos_fdsn: EposFdsn,
    /// In the database of privileges; read only.
    #[serde(deserialize_with = "networks")]
    pub networks: Networks,
    /// In the database of privileges; `eida_temp_users` in some installations.
    #[serde(deserialize_with = "privileges")]
    pub privileges: Privileges,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_written() {
        let tables: Tables = toml::from_str(
            "privileges = \"eida_temp_users\"\nusers = { table = \"auth.people\", email = \"mail\" }",
        )
        .unwrap();
        assert_eq!(tables.privileges.table.to_string(), "eida_temp_users");
        assert_eq!(tables.privileges.name, named("name"));
        assert_eq!(tables.users.table.quoted(), "\"auth\".\"people\"");
        assert_eq!(tables.users.email, named("mail"));
        assert_eq!(tables.users.first_name, nth(3));
        assert_eq!(tables.credentials, Credentials::default());
    }

    #[test]
    fn a_table_or_column_that_is_not_there_is_refused() {
        for bad in ["user = \"users\"", "users = { tabel = \"x\" }", "users = 3", "users = \"\""] {
            assert!(toml::from_str::<Tables>(bad).is_err(), "{bad}");
        }
    }
}
