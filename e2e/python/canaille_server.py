"""Canaille, an OpenID provider on Flask and Authlib, with its accounts in memory.

python canaille_server.py '{…}' | -

options: clients   [{ client_id, client_secret?, redirect_uris, audience: [client ids], scope: [scopes] }]
         people    [{ email, password }] who have an account, whose name is the e-mail's part before the @
         port      where it listens (default: a free port)
prints:  {"event": "listening", "issuer": …}
"""

import datetime
import json
import logging
import os
import secrets
import socket
import sys

from werkzeug.serving import make_server

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "true"

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from joserfc import jwk

GRANTS = ["authorization_code", "refresh_token", "client_credentials"]


def add_people(people):
    for person in people:
        name = person["email"].split("@")[0]
        Backend.instance.save(
            models.User(
                user_name=name,
                formatted_name=name,
                family_name=name,
                emails=[person["email"]],
                password=person["password"],
            )
        )


def add_clients(clients):
    made = {}
    for client in clients:
        secret = client.get("client_secret")
        made[client["client_id"]] = models.Client(
            client_id=client["client_id"],
            client_name=client["client_id"],
            client_secret=secret,
            client_id_issued_at=datetime.datetime.now(datetime.timezone.utc),
            redirect_uris=client.get("redirect_uris", []),
            grant_types=GRANTS,
            response_types=["code"],
            scope=client.get("scope", ["openid", "email"]),
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
        )
        Backend.instance.save(made[client["client_id"]])
    for client in clients:
        it = made[client["client_id"]]
        it.audience = [made[other] for other in client.get("audience", [client["client_id"]])]
        Backend.instance.save(it)


def main():
    options = json.load(sys.stdin) if sys.argv[1] == "-" else json.loads(sys.argv[1])
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    listener = socket.create_server(("127.0.0.1", options.get("port", 0)))
    key = jwk.generate_key("RSA", 2048)
    key.ensure_kid()
    configuration = {
        "SERVER_NAME": f"127.0.0.1:{listener.getsockname()[1]}",
        "PREFERRED_URL_SCHEME": "http",
        "SECRET_KEY": secrets.token_hex(32),
        "WTF_CSRF_SSL_STRICT": False,
        "CANAILLE": {"DATABASE": "memory", "LOGGING": {"version": 1}},
        "CANAILLE_OIDC": {
            "ACTIVE_JWKS": [key.as_dict(private=True)],
            "DYNAMIC_CLIENT_REGISTRATION_OPEN": True,
            "REQUIRE_NONCE": False,
        },
    }
    app = create_app(configuration)
    with app.app_context():
        add_people(options.get("people", []))
        add_clients(options.get("clients", []))
    with app.test_client() as client:
        issuer = client.get("/.well-known/oauth-authorization-server").json["issuer"]
    server = make_server(*listener.getsockname(), app, threaded=True, fd=listener.fileno())
    print(json.dumps({"event": "listening", "issuer": issuer}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
