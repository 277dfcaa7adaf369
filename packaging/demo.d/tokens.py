# SPDX-License-Identifier: PostgreSQL
"""tokens.py - JSON Web Tokens with HS256, as an application gives them to those who signed in."""
import base64
import hashlib
import hmac
import json
import time

LIFETIME_S = 24 * 3600


class Invalid(Exception):
    """A token that is none of ours, or no longer."""


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _sign(secret, text):
    return _base64url(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def make(secret, member):
    claims = {"community_member_id": member, "exp": int(time.time()) + LIFETIME_S}
    text = ".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims))
    return f"{text}.{_sign(secret, text)}"


def member_of(secret, header):
    """Whose token an Authorization header holds."""
    text, _, signature = header.removeprefix("Bearer ").rpartition(".")
    if not hmac.compare_digest(signature.encode(), _sign(secret, text).encode()):
        raise Invalid("sign in first")
    claims = text.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    if claims["exp"] < time.time():
        raise Invalid("the token has expired; sign in again")
    return claims["community_member_id"]
