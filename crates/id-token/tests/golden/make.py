#!/usr/bin/env python3
"""Makes the tokens and the key set in this folder with PyJWT (pip install 'PyJWT[crypto]').

The keys are thrown away, so that every run changes all files; commit them together. Tokens are issued
at 2027-01-15T08:00:00Z for 4000 seconds, as EIDA's issuer does.
"""

import json
import pathlib

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

here = pathlib.Path(__file__).parent
issued = 1_800_000_000
claims = {
    "iss": "https://issuer.example.org/realms/eida",
    "sub": "f3b1c5de-0d4f-4b7e-9a3b-6f8d3c1e7a52",
    "aud": "fdsn",
    "iat": issued,
    "nbf": issued,
    "exp": issued + 4000,
    "jti": "a-token-of-its-own",
    "email": "jo.doe@example.org",
    "email_verified": True,
    "name": "Jo Doe \u00e9",
}
# An access token as Keycloak 26 writes it, with a mapper for groups ("Full group path") and two clients with roles.
keycloak = claims | {
    "auth_time": issued - 30,
    "jti": "onrtac:7f1d0f5e-6a0c-4f43-8d53-1d8e0f0c2b9a",
    "aud": ["account", "fdsn"],
    "typ": "Bearer",
    "azp": "obspy",
    "sid": "c1a5b8a4-2f0e-4a65-9a0e-3d9cf0c1e1ab",
    "acr": "1",
    "allowed-origins": ["https://portal.example.org"],
    "realm_access": {"roles": ["offline_access", "/epos/alparray"]},
    "resource_access": {
        "data.example.org": {"roles": ["reader", "/epos/demo"]},
        "account": {"roles": ["manage-account", "view-profile"]},
    },
    "scope": "openid email profile",
    "groups": ["/epos/alparray", "/epos"],
    "preferred_username": "jo",
    "given_name": "Jo",
    "family_name": "Doe \u00e9",
}
# What the same Keycloak gives the client itself: `aud` is the client, and groups come without a slash if "Full group
# path" is off.
keycloak_id = keycloak | {
    "aud": "fdsn",
    "azp": "fdsn",
    "typ": "ID",
    "at_hash": "pWcqNYGmJ9W2S2JQzUEqVg",
    "groups": ["alparray", "epos"],
}
del keycloak_id["realm_access"], keycloak_id["resource_access"], keycloak_id["allowed-origins"], keycloak_id["scope"]
# What it tells its clients when somebody logs out (OpenID Connect Back-Channel Logout 1.0 section 2.4), with the
# header of releases that do not name a type of its own there.
keycloak_logout = {
    "iss": claims["iss"],
    "sub": claims["sub"],
    "aud": "fdsn",
    "iat": issued,
    "exp": issued + 120,
    "jti": "of-a-logout",
    "typ": "Logout",
    "sid": keycloak["sid"],
    "events": {"http://schemas.openid.net/event/backchannel-logout": {}, "revoke_offline_access": False},
}
# EIDA's second authentication system: who it is, and nothing about groups or whether the address was verified.
eas2 = {
    "iss": "https://geofon.gfz.de/eas2",
    "sub": "0f9a7c52-3b1e-4a8c-9d6e-5c2f1b7a8e90",
    "aud": "fdsn",
    "iat": issued,
    "exp": issued + 4000,
    "email": "jo.doe@example.org",
}

rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ec_key = ec.generate_private_key(ec.SECP256R1())
ed_key = ed25519.Ed25519PrivateKey.generate()
short_key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
keys = {"rsa": (rsa_key, "RS256"), "ec": (ec_key, "ES256"), "ed": (ed_key, "EdDSA"), "short": (short_key, "RS256")}


def public(kid, key, algorithm):
    return json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key())) | {"kid": kid, "use": "sig"}


published = [public(kid, key, algorithm) for kid, (key, algorithm) in keys.items()]
published.append(public("encryption", rsa_key, "RS256") | {"use": "enc", "alg": "RSA-OAEP"})
published.append({"kty": "oct", "kid": "secret", "k": "c2VjcmV0"})
(here / "jwks.json").write_text(json.dumps({"keys": published}, indent=1) + "\n")

tokens = {
    "rs256": jwt.encode(claims, rsa_key, "RS256", headers={"kid": "rsa"}),
    "ps256": jwt.encode(claims, rsa_key, "PS256", headers={"kid": "rsa"}),
    "es256": jwt.encode(claims, ec_key, "ES256", headers={"kid": "ec"}),
    "eddsa": jwt.encode(claims, ed_key, "EdDSA", headers={"kid": "ed", "typ": "at+jwt"}),
    "keycloak": jwt.encode(keycloak, rsa_key, "RS256", headers={"kid": "rsa"}),
    "keycloak-id": jwt.encode(keycloak_id, rsa_key, "RS256", headers={"kid": "rsa"}),
    "keycloak-logout": jwt.encode(keycloak_logout, rsa_key, "RS256", headers={"kid": "rsa"}),
    "eas2": jwt.encode(eas2, rsa_key, "RS256", headers={"kid": "rsa"}),
    "without-kid": jwt.encode(claims, ec_key, "ES256"),
    "short": jwt.encode(claims, short_key, "RS256", headers={"kid": "short"}),
    "none": jwt.encode(claims, None, "none", headers={"kid": "rsa"}),
}
for name, token in tokens.items():
    (here / f"{name}.jwt").write_text(token)
