"""The token endpoint: a service account's signed assertion becomes an access token, as accounts.google.com does it."""

from __future__ import annotations

import base64
import itertools
import json
import time
import urllib.parse
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

SCOPE = "https://www.googleapis.com/auth/spreadsheets"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME_S = 3600


class TokenError(Exception):
    """A refused token request."""

    def __init__(self, code: str, description: str) -> None:
        """Take OAuth's error code and Google's sentence."""
        super().__init__(description)
        self.code, self.description = code, description


class Accounts:
    """Service accounts with their keys, and the tokens given out."""

    def __init__(self) -> None:
        """Start without any account."""
        self.public: dict[str, rsa.RSAPublicKey] = {}
        self.tokens: dict[str, str] = {}
        self.skew_s = 0.0
        self._numbers = itertools.count(1)

    def key_file(self, email: str, token_uri: str) -> dict[str, str]:
        """Return a new key of an account in the form that the Google console downloads; an older key is void then."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.public[email] = key.public_key()
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": "voc-test",
            "private_key_id": "key",
            "private_key": private.decode(),
            "client_email": email,
            "client_id": "1",
            "token_uri": token_uri,
        }

    def grant(self, form: str) -> dict[str, Any]:
        """Answer a token request; the signature, times, audience and scope are verified.

        Raises:
            TokenError: with Google's words.
        """
        fields = urllib.parse.parse_qs(form)
        if fields.get("grant_type") != [GRANT]:
            raise TokenError("unsupported_grant_type", "Invalid grant_type")
        assertion = fields["assertion"][0].encode()
        signed, _, signature = assertion.rpartition(b".")
        claims = json.loads(_bytes(signed.partition(b".")[2]))
        email = str(claims["iss"])
        if email not in self.public:
            raise TokenError("invalid_grant", "Invalid grant: account not found")
        try:
            self.public[email].verify(_bytes(signature), signed, PKCS1v15(), SHA256())
        except InvalidSignature as error:
            raise TokenError("invalid_grant", "Invalid JWT Signature.") from error
        now = time.time() + self.skew_s
        if not claims["iat"] - 60 <= now <= claims["exp"]:
            raise TokenError(
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                "Check your iat and exp values in the JWT claim.",
            )
        if SCOPE not in str(claims.get("scope", "")).split():
            raise TokenError("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        token = f"token-{next(self._numbers)}"
        self.tokens[token] = email
        return {"access_token": token, "expires_in": LIFETIME_S, "token_type": "Bearer"}


def _bytes(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
