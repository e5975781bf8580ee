#!/bin/sh
# Made the files beside it: certificates by OpenSSL, archives by Info-ZIP's zip 3.0 and 7-Zip, messages by
# GnuPG 2.2; `ours*` is what this crate writes, kept so that it stays the same.
# The API key is invented, the passphrase is in `passphrase.txt`: both open nothing but these files.
# Running it again makes other files of the same kind.
set -eu
cd "$(dirname "$0")"

# certificate NAME SUBJECT [EXTENSION...]
certificate() {
    name=$1 subject=$2
    shift 2
    for extension; do set -- "$@" -addext "$extension"; shift; done
    openssl req -x509 -new -key "$work/server.key" -sha256 -days 36500 -subj "$subject" -multivalue-rdn \
        -out "$name.pem" "$@"
}
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/server.key"
certificate server /O=DCOR/CN=dcor.example.org 'subjectAltName=DNS:dcor.example.org,IP:192.0.2.7'
certificate other /CN=dcor.example.net
certificate no-cn /O=DCOR subjectAltName=DNS:dcor.example.org
certificate multi-valued /O=DCOR+OU=door/CN=dcor.example.org
certificate wildcard '/CN=*.example.org' 'subjectAltName=DNS:*.example.org'
certificate other-names /CN=dcor.example.org subjectAltName=DNS:www.example.org
certificate wild-names /CN=dcor.example.org 'subjectAltName=DNS:*.example.org'
openssl x509 -in server.pem -noout -fingerprint -sha256 -dates > server.txt

key=$(cat api_key.txt)
passphrase=$(cat passphrase.txt)
printf '%s\n' "$key" > "$work/api_key.txt"
# The text that `openssl x509 -text` puts before a certificate is what administrators have.
openssl x509 -in server.pem -text > "$work/server.cert"
here=$PWD
cd "$work"
rm -f "$here"/zip-* "$here"/7z-* "$here"/clear* "$here"/gpg-*
zip -q -e -P "$passphrase" "$here/zip-deflated.dcor-access" api_key.txt server.cert
zip -q -0 -e -P "$passphrase" "$here/zip-stored.dcor-access" api_key.txt server.cert
# From standard input to standard output: data descriptors without sizes in front.
zip -q -e -P "$passphrase" - api_key.txt server.cert | cat > "$here/zip-stream.dcor-access"
zip -q -P "$passphrase" "$here/zip-clear-certificate.dcor-access" api_key.txt
zip -q "$here/zip-clear-certificate.dcor-access" server.cert
7z a -bd -tzip -mem=ZipCrypto -p"$passphrase" "$here/7z-zipcrypto.dcor-access" api_key.txt server.cert > "$work/log"
for bits in 128 192 256; do
    7z a -bd -tzip -mem=AES$bits -p"$passphrase" "$here/7z-aes$bits.dcor-access" api_key.txt server.cert > "$work/log"
done
cp "$here/zip-deflated.dcor-access" jane.dcor-access
echo 'Open this with 7-Zip.' > read-me.txt
7z a -bd -tzip -mem=AES256 -p"$passphrase" "$here/7z-envelope.zip" jane.dcor-access > "$work/log"
zip -q "$here/7z-envelope.zip" read-me.txt
zip -q -P "$passphrase" "$here/zip-envelope.zip" jane.dcor-access
zip -q "$here/clear-envelope.zip" jane.dcor-access
zip -q "$here/clear.dcor-access" api_key.txt server.cert

mkdir -m 700 gnupg
export GNUPGHOME="$work/gnupg"
quiet="gpg --batch --quiet --pinentry-mode loopback --trust-model always"
$quiet --passphrase '' --quick-generate-key jane@example.org future-default
echo "$passphrase" > passphrase
$quiet --passphrase-file passphrase --symmetric -o "$here/gpg-symmetric.gpg" jane.dcor-access
$quiet --passphrase-file passphrase --armor --symmetric -o "$here/gpg-symmetric.asc" jane.dcor-access
$quiet --encrypt --recipient jane@example.org -o "$here/gpg-recipient.gpg" jane.dcor-access
gpgconf --kill all
