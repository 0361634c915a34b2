"""How a customer's server proves who its user is, in six languages: what to paste where the page is made."""

from __future__ import annotations

from dataclasses import dataclass

from apps.workspaces.models import Workspace

SECRET = "OPENCOM_IDENTITY_SECRET"
"""The environment variable that the snippets read the secret from."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language: code that makes the hash of a user's id, and code that makes a token which also proves address and name."""

    id: str
    title: str
    hash: str
    token: str
    needs: str = ""
    """What has to be installed for the token."""


def languages(workspace: Workspace) -> list[Language]:
    """Return the snippets with this workspace's id in them."""
    aud = str(workspace.pk)
    return [
        Language(
            "node",
            "Node.js",
            f"""const {{ createHmac }} = require("node:crypto");

function userHash(userId) {{
  return createHmac("sha256", process.env.{SECRET}).update(String(userId)).digest("hex");
}}""",
            f'''const {{ createHmac }} = require("node:crypto");

const base64url = (text) => Buffer.from(text).toString("base64url");

function userToken(user) {{
  const claims = {{
    sub: String(user.id), email: user.email, name: user.name, aud: "{aud}",
    exp: Math.floor(Date.now() / 1000) + 3600,
  }};
  const signed = base64url('{{"alg":"HS256","typ":"JWT"}}') + "." + base64url(JSON.stringify(claims));
  return signed + "." + createHmac("sha256", process.env.{SECRET}).update(signed).digest("base64url");
}}''',
        ),
        Language(
            "python",
            "Python",
            f'''import hashlib, hmac, os

def user_hash(user_id):
    secret = os.environ["{SECRET}"].encode()
    return hmac.new(secret, str(user_id).encode(), hashlib.sha256).hexdigest()''',
            f'''import base64, hashlib, hmac, json, os, time

def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")

def user_token(user):
    claims = {{
        "sub": str(user.id), "email": user.email, "name": user.name, "aud": "{aud}",
        "exp": int(time.time()) + 3600,
    }}
    signed = base64url(b'{{"alg":"HS256","typ":"JWT"}}') + b"." + base64url(json.dumps(claims).encode())
    signature = hmac.new(os.environ["{SECRET}"].encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + base64url(signature)).decode()''',
        ),
        Language(
            "php",
            "PHP",
            f"""function user_hash($user_id) {{
    return hash_hmac('sha256', (string) $user_id, getenv('{SECRET}'));
}}""",
            f"""function base64url($data) {{
    return rtrim(strtr(base64_encode($data), '+/', '-_'), '=');
}}

function user_token($user) {{
    $claims = [
        'sub' => (string) $user->id, 'email' => $user->email, 'name' => $user->name, 'aud' => '{aud}',
        'exp' => time() + 3600,
    ];
    $signed = base64url('{{"alg":"HS256","typ":"JWT"}}') . '.' . base64url(json_encode($claims));
    return $signed . '.' . base64url(hash_hmac('sha256', $signed, getenv('{SECRET}'), true));
}}""",
        ),
        Language(
            "ruby",
            "Ruby",
            f"""require "openssl"

def user_hash(user_id)
  OpenSSL::HMAC.hexdigest("SHA256", ENV.fetch("{SECRET}"), user_id.to_s)
end""",
            f"""require "openssl"
require "base64"
require "json"

def base64url(data)
  Base64.urlsafe_encode64(data, padding: false)
end

def user_token(user)
  claims = {{
    sub: user.id.to_s, email: user.email, name: user.name, aud: "{aud}",
    exp: Time.now.to_i + 3600
  }}
  signed = base64url('{{"alg":"HS256","typ":"JWT"}}') + "." + base64url(JSON.generate(claims))
  signed + "." + base64url(OpenSSL::HMAC.digest("SHA256", ENV.fetch("{SECRET}"), signed))
end""",
        ),
        Language(
            "go",
            "Go",
            f"""import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
)

func UserHash(userID string) string {{
	mac := hmac.New(sha256.New, []byte(os.Getenv("{SECRET}")))
	mac.Write([]byte(userID))
	return hex.EncodeToString(mac.Sum(nil))
}}""",
            f"""import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"time"
)

func UserToken(id, email, name string) (string, error) {{
	claims, err := json.Marshal(map[string]any{{
		"sub": id, "email": email, "name": name, "aud": "{aud}",
		"exp": time.Now().Add(time.Hour).Unix(),
	}})
	if err != nil {{
		return "", err
	}}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{{"alg":"HS256","typ":"JWT"}}`)) + "." + encode(claims)
	mac := hmac.New(sha256.New, []byte(os.Getenv("{SECRET}")))
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil)), nil
}}""",
        ),
        Language(
            "java",
            "Java",
            f"""import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

static String userHash(String userId) throws Exception {{
    byte[] secret = System.getenv("{SECRET}").getBytes(StandardCharsets.UTF_8);
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(secret, "HmacSHA256"));
    return HexFormat.of().formatHex(mac.doFinal(userId.getBytes(StandardCharsets.UTF_8)));
}}""",
            f"""import io.jsonwebtoken.Jwts;
import io.jsonwebtoken.security.Keys;
import java.nio.charset.StandardCharsets;
import java.util.Date;

static String userToken(String id, String email, String name) {{
    byte[] secret = System.getenv("{SECRET}").getBytes(StandardCharsets.UTF_8);
    return Jwts.builder()
        .subject(id).claim("email", email).claim("name", name)
        .claim("aud", "{aud}")
        .expiration(new Date(System.currentTimeMillis() + 3_600_000))
        .signWith(Keys.hmacShaKeyFor(secret), Jwts.SIG.HS256)
        .compact();
}}""",
            "io.jsonwebtoken:jjwt 0.12 or later",
        ),
    ]


def page_snippet(workspace: Workspace) -> str:
    """Return what the page hands to the messenger."""
    return f"""OpencomWidget("boot", {{
  workspaceId: "{workspace.pk}",
  userId: "…",    // your own id of the signed-in user
  userHash: "…",  // or userToken: "…", made by your server
}});"""
