//! Where a file cannot be written, no key stays behind.

use super::installation::{Installation, names};
use super::many::people;
use super::users::keys_of;
use crate::cluster::folder::Folder;
use crate::disk::{SmallDisk, run_where_we_may_mount};
use crate::site::Site;

#[test]
fn a_full_disk_leaves_neither_file_nor_key() {
    if !run_where_we_may_mount("commands::disks::a_full_disk_leaves_neither_file_nor_key") {
        return;
    }
    let (ckan, ours) = (Site::shared(), Installation::at(Site::shared()));
    let (folder, people) = (Folder::make("desk"), people(2));
    let disk = SmallDisk::mount(&folder, 1);
    let to = disk.path().to_str().unwrap().to_owned();
    disk.fill();
    let create = |user: &str| {
        ours.create(&[user, "--create-user", "--mail", &format!("{user}@example.org"), "--to", &to])
    };
    create(&people[0]).refused(2, "No space left on device");
    assert_eq!((names(disk.path()), ours.tokens().len()), (vec!["filler".to_owned()], 0));

    // Room for both letters, and not for the file.
    let room = std::fs::metadata(disk.path().join("filler")).unwrap().len() - 5 * 4096;
    let filler = std::fs::File::options().write(true).open(disk.path().join("filler")).unwrap();
    filler.set_len(room).unwrap();
    std::fs::write(disk.path().join("more"), [0; 4096]).unwrap();
    let mut made = create(&people[1]);
    let mut pieces = 0;
    while made.status == Some(0) {
        // Letters differ in length; less room until it does not do.
        for name in names(disk.path()).iter().filter(|name| name.starts_with(&people[1])) {
            std::fs::remove_file(disk.path().join(name)).unwrap();
        }
        pieces += 1;
        std::fs::write(disk.path().join(format!("more-{pieces}")), [0; 4096]).unwrap();
        made = create(&people[1]);
    }
    made.refused(2, "No space left on device");
    assert!(!names(disk.path()).iter().any(|name| name.contains("person")), "{:?}", names(disk.path()));
    let living = ours.tokens().iter().filter(|row| row["state"] == "issued").count();
    assert_eq!(keys_of(ckan, &people[1]).len(), living);
}

#[test]
fn a_place_that_is_taken_or_cannot_be_written_is_found_out_before_ckan_is_asked() {
    let ckan = super::installation::deaf();
    let ours = Installation::that_asks(&ckan);
    for there in ["ann.dcor-access.zip", "ann.letter.txt", "ann.letter.html", "ann.passphrase.asc"] {
        std::fs::write(ours.desk(there), "somebody's").unwrap();
        ours.create(&["ann"]).refused(2, &format!("{there} is there already"));
        assert_eq!(std::fs::read_to_string(ours.desk(there)).unwrap(), "somebody's");
        assert_eq!(ours.on_desk(), [there]);
        std::fs::remove_file(ours.desk(there)).unwrap();
    }
    let victim = ours.path("victim");
    for (target, content) in
        [(ours.path("nowhere"), None), (victim.clone(), Some("kept")), (victim.clone(), Some(""))]
    {
        if let Some(content) = content {
            std::fs::write(&target, content).unwrap();
        }
        for link in ["ann.dcor-access.zip", "ann.letter.txt"] {
            std::os::unix::fs::symlink(&target, ours.desk(link)).unwrap();
            ours.create(&["ann"]).refused(2, "is there already");
            assert_eq!(ours.on_desk(), [link]);
            std::fs::remove_file(ours.desk(link)).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&target).ok().as_deref(), content);
    }
    // Not even root may write there.
    for to in ["/sys", "/nowhere"] {
        ours.create(&["ann", "--to", to]).refused(2, &format!("{to}/ann.dcor-access.zip"));
    }
    assert!(ours.on_desk().is_empty() && ours.tokens().is_empty());
    super::installation::nobody_asked(&ckan);
}
