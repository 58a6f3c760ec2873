"""A client on the official Python SDK (mcp). Script, steps and output are those of ../node/steps.mjs.

python client.py '{…}' | @file | -     protocol: "legacy" (default), "auto", or a revision such as "2026-07-28"
"""

import asyncio
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from urllib.parse import parse_qs

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import OAuthClientMetadata

from connection import Connection, innermost
from rig import Person, Storage, emit


def read_script():
    given = sys.argv[1]
    if given == "-":
        return json.load(sys.stdin)
    return json.loads(Path(given[1:]).read_text() if given.startswith("@") else given)


class Unexpected(Exception):
    """A step did not end as it was expected to."""


class Run:
    """One program: an HTTP client with the SDK's OAuth provider, and the MCP client that is connected through it."""

    def __init__(self, script):
        self.script = script
        self.record = []
        self.person = Person(script)
        self.storage = Storage(script.get("store"))
        self.connection = None

    async def open(self):
        redirect = await self.person.listen()
        metadata = OAuthClientMetadata(
            client_name=self.script.get("client_name", "Keyward end-to-end client"),
            redirect_uris=[redirect],
            token_endpoint_auth_method=self.script.get("token_endpoint_auth_method"),
            scope=self.script.get("scope"),
        )
        self.provider = OAuthClientProvider(
            server_url=self.script["server"],
            client_metadata=metadata,
            storage=self.storage,
            redirect_handler=self.person.open_browser,
            callback_handler=self.person.answer,
            client_metadata_url=self.script.get("client_metadata_url"),
        )
        self.http = create_mcp_http_client(auth=self.provider)
        self.http.event_hooks = {"response": [self._note]}

    async def _note(self, response):
        request = response.request
        exchange = {"method": request.method, "url": str(request.url), "status": response.status_code}
        if "www-authenticate" in response.headers:
            exchange["www_authenticate"] = response.headers["www-authenticate"]
        self.record.append(exchange)
        emit("http", **exchange)
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        if "grant_type" in form:
            answer = json.loads(await response.aread())
            exchange["grant_type"], exchange["error"] = form["grant_type"], answer.get("error")
            asked = {"scope": form.get("scope"), "resource": form.get("resource")}
            emit("token", grant_type=form["grant_type"], asked=asked, status=response.status_code, answer=answer)

    async def disconnect(self, _step):
        connection, self.connection = self.connection, None
        if connection:
            await connection.close()
        return {}

    async def login(self, _step):
        before = self.person.authorizations
        transport = streamable_http_client(self.script["server"], http_client=self.http)
        self.connection = Connection(Client(transport, mode=self.script.get("protocol", "legacy")))
        client = await self.connection.opened()
        server = client.server_info.model_dump(mode="json", exclude_none=True) if client.server_info else None
        return {"authorized_by": self._by(before), "server": server, "protocol": client.protocol_version}

    async def list_tools(self, _step):
        before = self.person.authorizations
        tools = (await self.connection.do(lambda client: client.list_tools())).tools
        return {"authorized_by": self._by(before), "tools": [tool.name for tool in tools]}

    async def call(self, step):
        before, progress = self.person.authorizations, []

        async def on_progress(done, total, message):
            progress.append({"progress": done, "total": total, "message": message})

        self.person.interactive = "expect" not in step
        self.person.sent_away = False
        if not self.connection.alive:
            await self.login(step)
        result = await self.connection.do(
            lambda client: client.call_tool(
                step["tool"],
                step.get("arguments", {}),
                read_timeout_seconds=step.get("timeout_ms", 60_000) / 1000,
                progress_callback=on_progress,
            )
        )
        dumped = result.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {"authorized_by": self._by(before), "result": dumped, "progress": progress}

    async def wait_expiry(self, step):
        expires_at = self.provider.context.token_expiry_time
        if expires_at is None:
            raise RuntimeError("the access token has no expires_in")
        await asyncio.sleep(max(0, expires_at + step.get("margin_ms", 1500) / 1000 - time.time()))
        return {}

    async def call_until_refreshed(self, step):
        since, deadline, calls = len(self.record), time.time() + step.get("deadline_ms", 30_000) / 1000, 0
        while True:
            last, calls = await self.call(step), calls + 1
            if any(one.get("grant_type") == "refresh_token" and one["status"] == 200 for one in self.record[since:]):
                return {**last, "calls": calls}
            if time.time() > deadline:
                raise RuntimeError(f"no refresh within {calls} calls")
            await asyncio.sleep(0.25)

    async def log_out(self, step):
        """RFC 7009; the SDK found the endpoint but has no call for it."""
        endpoint = self.provider.context.oauth_metadata.revocation_endpoint
        if endpoint is None:
            raise RuntimeError("the metadata names no revocation_endpoint")
        tokens, revocations = self.provider.context.current_tokens, []
        for hint in step.get("revoke", ["refresh_token", "access_token"]):
            form = {"token": getattr(tokens, hint), "token_type_hint": hint, "client_id": self.provider.context.client_info.client_id}
            form, headers = self.provider.context.prepare_token_auth(form, {})
            if "Authorization" in headers:
                del form["client_id"]
            response = await self.http.post(str(endpoint), data=form, headers=headers, auth=None)
            if response.status_code != 200:
                raise RuntimeError(f"revoking the {hint}: {response.status_code} {response.text}")
            revocations.append({"token_type_hint": hint, "status": response.status_code})
        return {"revocations": revocations}

    def _by(self, before):
        return "sdk" if self.person.authorizations > before else None

    def outcome(self, exchanges):
        statuses = [one["status"] for one in exchanges if one["url"] == self.script["server"]]
        if self.person.denied:
            return "denied"
        if self.person.sent_away and statuses:
            return {401: "unauthorized", 403: "forbidden"}.get(statuses[-1], "error")
        return "error"

    async def step(self, index, step):
        since, before = len(self.record), self.person.authorizations
        act = {"end_session": self.disconnect}.get(step["do"]) or getattr(self, step["do"])
        try:
            result = await act(step)
            if "expect" in step:
                raise Unexpected(f'"{step["expect"]}" was expected, but: {json.dumps(result)}')
        except Unexpected:
            raise
        except BaseException as error:
            if self.outcome(self.record[since:]) != step.get("expect"):
                raise
            leaf = innermost(error)
            result = {"ended": step["expect"], "name": type(leaf).__name__, "message": str(leaf)}
        exchanges = self.record[since:]
        emit(
            "step",
            index=index,
            do=step["do"],
            **result,
            authorizations=self.person.authorizations - before,
            mcp_statuses=[one["status"] for one in exchanges if one["url"] == self.script["server"]],
            token_requests=[
                {key: one[key] for key in ("grant_type", "status", "error") if one.get(key) is not None}
                for one in exchanges
                if "grant_type" in one
            ],
        )


async def main():
    run, index = Run(read_script()), -1
    run.script["server"] = str(httpx2.URL(run.script["server"]))
    emit("start", sdk="mcp", version=version("mcp"))
    try:
        await run.open()
        for index, step in enumerate(run.script["steps"]):
            await run.step(index, step)
        await run.disconnect({})
        emit("done")
        return 0
    except BaseException as error:
        leaf = innermost(error)
        emit("error", index=index, name=type(leaf).__name__, message=str(leaf))
        return 1
    finally:
        await run.http.aclose()
        await run.person.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
