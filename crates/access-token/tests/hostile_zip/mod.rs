//! Writes archives of any kind, also of kinds that no program should write.

/// One entry, with everything that can be said of it.
pub struct Item {
    pub name: String,
    pub data: Vec<u8>,
    pub crc: u32,
    pub flags: u16,
    pub method: u16,
    /// What both headers say, if not the truth.
    pub size: Option<u32>,
    pub true_size: usize,
    pub attributes: u32,
    pub extra: Vec<u8>,
    pub comment: Vec<u8>,
}

impl Item {
    pub fn new(name: &str, content: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            data: content.to_vec(),
            crc: crc32(content),
            flags: 0,
            method: 0,
            size: None,
            true_size: content.len(),
            attributes: 0,
            extra: Vec::new(),
            comment: Vec::new(),
        }
    }

    pub fn deflated(name: &str, content: &[u8]) -> Self {
        let mut data = Vec::with_capacity(content.len() + 64);
        let mut packer = flate2::Compress::new(flate2::Compression::best(), false);
        packer.compress_vec(content, &mut data, flate2::FlushCompress::Finish).unwrap();
        Self { data, method: 8, ..Self::new(name, content) }
    }

    fn size(&self) -> u32 {
        self.size.unwrap_or_else(|| u32::try_from(self.true_size).unwrap())
    }

    fn described(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        for word in [20, self.flags, self.method, 0, 33] {
            fields.extend_from_slice(&word.to_le_bytes());
        }
        for long in [self.crc, u32::try_from(self.data.len()).unwrap(), self.size()] {
            fields.extend_from_slice(&long.to_le_bytes());
        }
        for length in [self.name.len(), self.extra.len()] {
            fields.extend_from_slice(&u16::try_from(length).unwrap().to_le_bytes());
        }
        fields
    }
}

/// Files in the clear.
pub fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    archive(&entries.iter().map(|(name, content)| Item::new(name, content)).collect::<Vec<_>>())
}

pub fn archive(items: &[Item]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for item in items {
        let offset = u32::try_from(archive.len()).unwrap().to_le_bytes();
        let described = item.described();
        let comment_len = u16::try_from(item.comment.len()).unwrap().to_le_bytes();
        let attributes = item.attributes.to_le_bytes();
        let local: [&[u8]; 5] = [b"PK\x03\x04", &described, item.name.as_bytes(), &item.extra, &item.data];
        archive.extend(local.concat());
        let central: [&[u8]; 9] = [
            b"PK\x01\x02\x3f\x03",
            &described,
            &comment_len,
            &[0; 4],
            &attributes,
            &offset,
            item.name.as_bytes(),
            &item.extra,
            &item.comment,
        ];
        directory.extend(central.concat());
    }
    let count = u16::try_from(items.len()).unwrap().to_le_bytes();
    let length = u32::try_from(directory.len()).unwrap().to_le_bytes();
    let at = u32::try_from(archive.len()).unwrap().to_le_bytes();
    let end: [&[u8]; 7] = [b"PK\x05\x06", &[0; 4], &count, &count, &length, &at, &[0; 2]];
    [archive, directory, end.concat()].concat()
}

/// Adds to the field of four bytes at the front.
pub fn add(field: &mut [u8], more: usize) {
    let field = field.first_chunk_mut::<4>().unwrap();
    *field = (u32::from_le_bytes(*field) + u32::try_from(more).unwrap()).to_le_bytes();
}

pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
