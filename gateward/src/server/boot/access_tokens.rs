//! What access tokens need: the CKAN that their keys are made by, and the letters that they travel with.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use super::Error;
use crate::base::random::Random;
use crate::config::{self, Config};
use crate::flows::access_token::letter::{self, Letters};
use crate::server::ckan::{Api, Asking, Known, Program, Unready};

/// How long CKAN may take to answer.
const CKAN_PATIENCE: Duration = Duration::from_secs(60);

/// Knows the CKAN that the configuration names, or the one on this machine that `ini` configures.
///
/// # Errors
///
/// [`Error::Ckan`].
pub fn ckan(config: &Config, ini: Option<&Path>, random: &Random) -> Result<Option<Known>, Error> {
    let program = |ini: &Path, named: Option<&Path>| {
        let found = || Program::find(std::env::var_os("PATH").as_deref());
        let program = named.map(Path::to_owned).or_else(found).ok_or(Unready::NoProgram)?;
        Ok(Some(Known::Program(Program::new(&program, ini, CKAN_PATIENCE)?)))
    };
    let named = config.ckan.as_ref();
    if let Some(ini) = ini {
        return program(ini, named.and_then(|ckan| ckan.program.as_deref()));
    }
    let Some(ckan) = named else { return Ok(None) };
    match (&ckan.url, &ckan.admin_key, &ckan.ini) {
        (Some(url), Some(key_file), _) => {
            let asking = Asking {
                url: url.clone(),
                key_file,
                ca: ckan.ca.as_deref(),
                patience: CKAN_PATIENCE,
                random: random.clone(),
            };
            Ok(Some(Known::Api(Box::new(Api::new(asking)?))))
        }
        (_, _, Some(ini)) => program(ini, ckan.program.as_deref()),
        // The configuration was checked: there is a key where there is no ini.
        (_, _, None) => Ok(None),
    }
}

/// Reads the letters of the configuration: those that come along, and those of one's own in their stead.
///
/// # Errors
///
/// [`Error::File`]: the folder is not there, or a letter in it cannot be read. [`Error::Letter`].
pub fn letters(settings: &config::AccessToken) -> Result<Letters, Error> {
    let Some(folder) = &settings.letters else { return Ok(Letters::built_in()) };
    let file = |path: &Path, source| Error::File { what: "letters", path: path.to_owned(), source };
    // Of a folder that is not there each letter would be missing, and ours would be sent for theirs.
    std::fs::read_dir(folder).map_err(|source| file(folder, source))?;
    let mut own = BTreeMap::new();
    for (name, _) in letter::BUILT_IN {
        let path = folder.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                own.insert(*name, text);
            }
            Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => {}
            Err(error) => return Err(file(&path, error)),
        }
    }
    Ok(Letters::from_folder_texts(|name| own.get(name).cloned())?)
}
