//! Letters to those who get an access token: what the file is, and what to do with it, in their language.
//!
//! They are templates (`letters/`); those of one's own replace them one by one, and are tried out when they
//! are loaded. No letter has a placeholder for the passphrase: it goes by another way.

mod values;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior};

pub use self::values::Letter;
use crate::base::access_token::{Form, Language};

/// The templates that come along: the name of each, and its text.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("letter.en.txt", include_str!("letters/letter.en.txt")),
    ("letter.en.html", include_str!("letters/letter.en.html")),
    ("letter.de.txt", include_str!("letters/letter.de.txt")),
    ("letter.de.html", include_str!("letters/letter.de.html")),
    ("read-me.en.txt", include_str!("letters/read-me.en.txt")),
    ("read-me.de.txt", include_str!("letters/read-me.de.txt")),
];

/// The templates in use, tried out.
#[derive(Debug)]
pub struct Letters(Environment<'static>);

/// What is wrong with a template: the operator's, who wrote it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It asks for what there is not.
    #[error("{file}, line {line}: there is no {placeholder}; there are: {}", values::placeholders().join(", "))]
    UnknownPlaceholder {
        /// The template.
        file: String,
        /// Where in it, counted from 1.
        line: usize,
        /// The name that it uses.
        placeholder: String,
    },
    /// It cannot be read, or not be filled in.
    #[error(
        "{file}, line {line}: {why}; a placeholder is written {{{{ user }}}}, a choice \
         {{% if form == \"zip\" %}} ... {{% endif %}}, and there are: {}",
        values::placeholders().join(", ")
    )]
    Template {
        /// The template.
        file: String,
        /// Where in it, counted from 1.
        line: usize,
        /// What the reader of templates said.
        why: String,
    },
}

impl Letters {
    /// Takes the templates that come along.
    pub fn built_in() -> Self {
        Self::from_folder_texts(|_| None).expect("a test tries out what comes along")
    }

    /// Takes the templates of one's own that `own` gives by their names, and for the rest those that come along.
    ///
    /// Each is filled in for every form, with a full name and without.
    ///
    /// # Errors
    ///
    /// [`Error`]: the first that cannot be used, and why.
    pub fn from_folder_texts(own: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let mut templates = Environment::empty();
        // What stands alone on its line leaves no line behind: letters are read as they are printed.
        let mut syntax = SyntaxConfig::builder();
        syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
        templates.set_syntax(syntax.build().expect("the delimiters are the usual ones"));
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_auto_escape_callback(minijinja::default_auto_escape_callback);
        for (name, built_in) in BUILT_IN {
            let text = own(name).unwrap_or_else(|| (*built_in).to_owned());
            templates.add_template_owned(*name, text).map_err(|error| template_error(name, &error))?;
        }
        let letters = Self(templates);
        for (name, _) in BUILT_IN {
            letters.try_out(name)?;
        }
        Ok(letters)
    }

    /// Fills in the letter as text, for mail.
    ///
    /// # Errors
    ///
    /// [`Error::Template`]: a template of one's own that reckons with what this person's values do not hold.
    pub fn text(&self, letter: &Letter<'_>) -> Result<String, Error> {
        self.fill(&format!("letter.{}.txt", letter.language), letter)
    }

    /// Fills in the letter as HTML that stands alone, for a screen and for one sheet of A4.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn html(&self, letter: &Letter<'_>) -> Result<String, Error> {
        self.fill(&format!("letter.{}.html", letter.language), letter)
    }

    /// Fills in the text that lies beside the inner file in its zip; its name comes first.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn read_me(&self, letter: &Letter<'_>) -> Result<(String, String), Error> {
        let name = match letter.language {
            Language::English => "READ-ME.txt",
            Language::German => "LIES-MICH.txt",
        };
        let text = self.fill(&format!("read-me.{}.txt", letter.language), letter)?;
        Ok((name.into(), text))
    }

    fn fill(&self, name: &str, letter: &Letter<'_>) -> Result<String, Error> {
        let filled = self.0.get_template(name).and_then(|template| template.render(letter.values()));
        filled.map_err(|error| template_error(name, &error))
    }

    fn try_out(&self, name: &str) -> Result<(), Error> {
        let template = self.0.get_template(name).map_err(|error| template_error(name, &error))?;
        let known = values::placeholders();
        let mut asked: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        asked.sort_unstable();
        if let Some(placeholder) = asked.into_iter().find(|asked| !known.contains(&asked.as_str())) {
            let line = line_of(template.source(), &placeholder);
            return Err(Error::UnknownPlaceholder { file: name.into(), line, placeholder });
        }
        for form in [Form::Zip, Form::Pgp, Form::Inner] {
            for (full_name, is_dead) in [(None, false), (Some("Ada Lovelace"), true)] {
                self.fill(name, &Letter { full_name, form, is_dead, ..values::SAMPLE })?;
            }
        }
        Ok(())
    }
}

fn template_error(file: &str, error: &minijinja::Error) -> Error {
    let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    Error::Template { file: file.into(), line: error.line().unwrap_or(1), why }
}

/// The first line of `template` that has `name` as a word inside of braces.
fn line_of(template: &str, name: &str) -> usize {
    let part_of_a_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let uses = |line: &str| {
        line.split('{').skip(1).any(|inside| {
            inside
                .split('}')
                .next()
                .is_some_and(|tag| tag.split(|c| !part_of_a_word(c)).any(|word| word == name))
        })
    };
    template.lines().position(uses).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests;
