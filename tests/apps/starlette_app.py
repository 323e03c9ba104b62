"""A Starlette and a FastAPI application, with a lifespan, streams and mistakes."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import fastapi
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

happened: list[str] = []
EVENTS = {"Connection": "keep-alive", "Transfer-Encoding": "chunked"}  # as libraries of SSE say


@contextlib.asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[dict[str, str]]:
    print("started up")
    yield {"given": "at the start"}
    print("shut down")


async def index(request: Request) -> Response:
    return PlainTextResponse("starlette says hello")


async def told(request: Request) -> Response:
    assert request.client is not None
    happened.clear()
    return JSONResponse(
        {"addr": request.client.host, "port": request.client.port, "given": request.state.given}
    )


async def echo(request: Request) -> Response:
    return Response(await request.body())


async def stream(request: Request) -> Response:
    async def body() -> AsyncIterator[str]:
        for number in range(request.path_params["count"]):
            await asyncio.sleep(0)
            yield f"line {number}\n"

    return StreamingResponse(body())


async def file(request: Request) -> Response:
    return FileResponse(Path(__file__))


async def boom(request: Request) -> Response:
    raise ZeroDivisionError("no page today")


async def half(request: Request) -> Response:
    async def body() -> AsyncIterator[str]:
        yield "first\n"
        raise LookupError("the second half")

    return StreamingResponse(body())


async def stuck(request: Request) -> Response:
    """Gives one piece, and then never another one. Starlette ends it when it hears that nobody is there."""

    async def body() -> AsyncIterator[str]:
        yield "first\n"
        try:
            await asyncio.Event().wait()
        finally:
            happened.append("ended")

    return StreamingResponse(body())


class Endless(Response):
    """Notes how it learns that nobody is there any more."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 10_000, "more_body": True})
        except OSError:
            assert (await receive())["type"] == "http.request"
            happened.append((await receive())["type"])


async def endless(request: Request) -> Response:
    return Endless()


class Silent(Response):
    """Says nothing, and waits until it is told that its client is gone."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.request"
        happened.append("asked")
        happened.append((await receive())["type"])


async def silent(request: Request) -> Response:
    return Silent()


async def patient(request: Request) -> Response:
    """Answers once somebody has asked for /told, whether its client can send any more or not."""
    happened.append("asked")
    while happened:
        await asyncio.sleep(0.01)
    return PlainTextResponse("at last")


async def later(request: Request) -> Response:
    return PlainTextResponse("soon", background=BackgroundTask(happened.append, "later"))


async def events(request: Request) -> Response:
    async def body() -> AsyncIterator[str]:
        for number in range(3):
            yield f"data: {number}\n\n"

    return StreamingResponse(body(), headers=EVENTS, media_type="text/event-stream")


async def forking(request: Request) -> Response:
    """Forks a process that does not end by itself, but goes back to the server."""
    child = os.fork()
    if not child:
        raise SystemExit(3)
    return PlainTextResponse(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))


async def talk(socket: WebSocket) -> None:
    raise AssertionError("WebSocket is not spoken")


async def what_happened(request: Request) -> Response:
    return JSONResponse(happened)


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/", index),
        Route("/told", told),
        Route("/echo", echo, methods=["POST"]),
        Route("/stream/{count:int}", stream),
        Route("/file", file),
        Route("/boom", boom),
        Route("/half", half),
        Route("/stuck", stuck),
        Route("/endless", endless),
        Route("/silent", silent),
        Route("/patient", patient),
        Route("/later", later),
        Route("/events", events),
        Route("/forking", forking),
        WebSocketRoute("/talk", talk),
        Route("/happened", what_happened),
    ],
)

api = fastapi.FastAPI()


@api.get("/items/{number}")
async def item(number: int, q: str = "") -> dict[str, Any]:
    return {"number": number, "q": q}


@api.get("/threaded")
def threaded() -> dict[str, str]:
    """Not a coroutine: FastAPI runs it in a thread of its own."""
    return {"from": "a thread"}
