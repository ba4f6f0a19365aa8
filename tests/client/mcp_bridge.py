"""Lets the scenario tests drive Inkstone through an MCP client that is not ours.

The official Python SDK does the talking; this file only carries it over a pipe. Each line read is
one JSON request, each line written is its answer, in the same order:

    {"op": "connect", "url": URL, "key": KEY}         key may be absent: no Authorization header
    {"op": "list_tools"}                              every page of the catalogue
    {"op": "call", "name": NAME, "arguments": {...}}
    {"op": "close"}

    {"ok": true, "result": {...}}                     the protocol's own result, in its own field names
    {"ok": false, "error": {"type", "message", "code"?, "data"?, "httpStatus"?}}

A request may name a "session" (default "main"), so one bridge holds several keys at once. A lost
connection ends its session (connect again after a restart); connecting a name again replaces it; the
end of the input closes them all. A tool error is a result with isError, not an error: errors here are
what the protocol or the transport refused.
"""

import asyncio
import json
import sys

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

ANSWER_SECONDS = 180.0
CONNECT_SECONDS = 60.0


class Session:
    """One connected client, in a task of its own.

    The SDK's connection must be closed by the task that opened it, and before any that was opened
    earlier in the same task; with a task each, sessions come and go in any order.
    """

    def __init__(self, url, key):
        self._jobs = asyncio.Queue()
        self._opened = asyncio.get_running_loop().create_future()
        self._http_status = None
        self._task = asyncio.create_task(self._run(url, key))

    async def opened(self):
        """What the server said of itself, once the connection stands."""
        return await self._outcome(self._opened)

    async def ask(self, operation):
        """Runs `operation` on the client and returns its result."""
        self._http_status = None
        answer = asyncio.get_running_loop().create_future()
        await self._jobs.put((operation, answer))
        return await self._outcome(answer)

    async def close(self):
        await self._jobs.put(None)
        await asyncio.wait({self._task})

    @property
    def refused_with(self):
        """The HTTP status of the newest answer if it was a refusal; the SDK keeps it to itself."""
        return self._http_status if (self._http_status or 0) >= 400 else None

    async def _outcome(self, future):
        await asyncio.wait({future, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if future.done():
            return future.result()
        self._task.result()
        raise ConnectionError("the session is closed")

    async def _run(self, url, key):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = httpx2.Timeout(CONNECT_SECONDS, read=ANSWER_SECONDS)
        hooks = {"response": [self._note_status]}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=timeout, event_hooks=hooks) as http,
            Client(
                streamable_http_client(url, http_client=http), read_timeout_seconds=ANSWER_SECONDS
            ) as client,
        ):
            self._opened.set_result(
                {
                    "protocolVersion": client.protocol_version,
                    "serverInfo": wire(client.server_info),
                    "instructions": client.instructions,
                }
            )
            while (job := await self._jobs.get()) is not None:
                operation, answer = job
                try:
                    answer.set_result(await operation(client))
                except Exception as error:
                    answer.set_exception(error)

    async def _note_status(self, response):
        self._http_status = response.status_code


def wire(model):
    """A protocol object as it looks on the wire."""
    return model and model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def list_tools(client):
    tools, cursor = [], None
    while True:
        page = await client.list_tools(cursor=cursor, cache_mode="refresh")
        tools += [wire(tool) for tool in page.tools]
        cursor = page.next_cursor
        if cursor is None:
            return {"tools": tools}


def call(name, arguments):
    async def operation(client):
        return wire(await client.call_tool(name, arguments))

    return operation


def connected(sessions, name):
    if name not in sessions:
        raise LookupError(f"no session {name!r}: connect it first")
    return sessions[name]


async def carry_out(sessions, request):
    name = request.get("session", "main")
    match request["op"]:
        case "connect":
            if previous := sessions.pop(name, None):
                await previous.close()
            sessions[name] = Session(request["url"], request.get("key"))
            return await sessions[name].opened()
        case "list_tools":
            return await connected(sessions, name).ask(list_tools)
        case "call":
            operation = call(request["name"], request.get("arguments", {}))
            return await connected(sessions, name).ask(operation)
        case "close":
            await connected(sessions, name).close()
            del sessions[name]
            return {}
        case other:
            raise ValueError(f"no such op: {other}")


def described(error, session):
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    answer = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, MCPError):
        answer |= {"code": error.code, "data": error.data}
    if session and session.refused_with:
        answer["httpStatus"] = session.refused_with
    return answer


async def main():
    sessions = {}
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        try:
            answer = {"ok": True, "result": await carry_out(sessions, request)}
        except Exception as error:
            session = sessions.get(request.get("session", "main"))
            answer = {"ok": False, "error": described(error, session)}
        print(json.dumps(answer), flush=True)
    for session in sessions.values():
        await session.close()


if __name__ == "__main__":
    asyncio.run(main())
