#!/bin/sh
# Makes the throw-away certificates beside it with OpenSSL; their keys are not kept. Run it in this folder.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
here=$PWD
cd "$work"
key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null; }
cat > ca.cnf <<'CNF'
[ca]
default_ca = own
[own]
database = index.txt
serial = serial
crlnumber = crlnumber
new_certs_dir = .
certificate = root.pem
private_key = root.key
default_md = sha256
policy = any
unique_subject = no
default_crl_days = 36500
[any]
countryName = optional
organizationName = optional
commonName = supplied
emailAddress = optional
[v1crl]
database = index.txt
default_md = sha256
[req]
distinguished_name = name
utf8 = yes
[name]
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[node]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
subjectAltName = DNS:OpenHIM.example.org, IP:192.0.2.7, IP:2001:db8::7, URI:urn:example:openhim, email:him@example.org
1.2.3.4.5 = ASN1:UTF8String:an extension that nobody knows
[critical]
1.2.3.4.5 = critical, ASN1:UTF8String:an extension that nobody knows
[lists]
issuingDistributionPoint = critical, @point
[point]
fullname = URI:http://ca.example.org/nodes.crl
onlyuser = TRUE
CNF
: > index.txt
echo 1000 > serial
echo 01 > crlnumber
key root
openssl req -new -config ca.cnf -key root.key -subj '/C=RW/O=Ministry of Health, NON-PRODUCTION/CN=Root \+ Sons' -out root.csr
openssl ca -batch -config ca.cnf -selfsign -in root.csr -extensions root -startdate 20260101000000Z -enddate 21260101000000Z -notext -out root.pem 2>>log || { cat log; exit 1; }
for name in node critical; do
    key $name
    openssl req -new -config ca.cnf -key $name.key -utf8 -subj "/C=RW/O=Ministère \"Santé\" NON-PRODUCTION/CN=$name/emailAddress=a@example.org" -out $name.csr
    openssl ca -batch -config ca.cnf -in $name.csr -extensions $name -startdate 20260101000000Z -enddate 21260101000000Z -notext -out $name.pem 2>>log || { cat log; exit 1; }
done
openssl ca -config ca.cnf -revoke critical.pem 2>>log || { cat log; exit 1; }
openssl ca -config ca.cnf -gencrl -out version2.crl 2>>log || { cat log; exit 1; }
openssl ca -config ca.cnf -gencrl -crlexts lists -out nodes.crl 2>>log || { cat log; exit 1; }
sed -i '/^crlnumber/d' ca.cnf
openssl ca -config ca.cnf -gencrl -out version1.crl 2>>log || { cat log; exit 1; }
# As guides for small registries say: without -extfile.
key old
openssl req -new -config ca.cnf -key old.key -subj '/CN=old NON-PRODUCTION' -out old.csr
openssl x509 -req -in old.csr -CA root.pem -CAkey root.key -set_serial 1 -days 36500 -out old.pem 2>>log || { cat log; exit 1; }
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout self.key -subj '/CN=self NON-PRODUCTION' -days 36500 -out self.pem 2>>log || { cat log; exit 1; }
openssl x509 -in node.pem -noout -fingerprint -sha256 -serial -dates -subject -issuer -nameopt RFC2253,-esc_msb,utf8 > node.txt
cp root.pem node.pem critical.pem old.pem self.pem node.txt version1.crl version2.crl nodes.crl "$here"
