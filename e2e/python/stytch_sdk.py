"""Stytch's official SDK (PyPI `stytch`) judges tokens by itself. Input and output are those of ../node/stytch-sdk.mjs."""

import json
import sys

from stytch import Client


def verdict(judge, token):
    try:
        claims = judge(token)
    except Exception as error:
        return {"taken": False, "error": f"{type(error).__name__}: {error}"}
    if claims is None:
        return {"taken": False, "error": "None"}
    sub = getattr(claims, "subject", None) or getattr(claims, "user_id", None)
    return {"taken": True, "sub": sub, "scope": getattr(claims, "scope", None)}


def main():
    script = json.load(sys.stdin)
    client = Client(script["project_id"], "secret-test-never-sent", environment=script["issuer"] + "/")
    for token in script["tokens"]:
        access = verdict(client.idp.introspect_access_token_local, token["token"])
        session = verdict(client.sessions.authenticate_jwt_local, token["token"])
        print(json.dumps({"name": token["name"], "access": access, "session": session}))


if __name__ == "__main__":
    main()
