//! What all types have that hold a text of one form.

/// Gives each type that holds a `String`, and is made of one by `TryFrom` with the error first named, the ways in
/// and out that configuration, commands and tables want.
macro_rules! texts {
    ($error:ty: $($name:ident),*) => {
        $(
            impl $name {
                /// Shows it.
                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }

            impl std::str::FromStr for $name {
                type Err = $error;

                fn from_str(text: &str) -> Result<Self, $error> {
                    text.to_owned().try_into()
                }
            }

            impl From<$name> for String {
                fn from(name: $name) -> Self {
                    name.0
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.pad(&self.0)
                }
            }
        )*
    };
}

pub(super) use texts;
