"""A Django application in one file."""

from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a test",
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    LOGGING_CONFIG=None,
)
django.setup()


def index(request: HttpRequest) -> HttpResponse:
    return HttpResponse("django says hello")


def told(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"addr": request.META["REMOTE_ADDR"], "url": request.build_absolute_uri()})


def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body)


def form(request: HttpRequest) -> HttpResponse:
    upload: Any = request.FILES["file"]
    return JsonResponse({"name": request.POST["name"], "file": upload.read().decode()})


def stream(request: HttpRequest, count: int) -> StreamingHttpResponse:
    return StreamingHttpResponse(f"line {number}\n" for number in range(count))


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(Path(__file__).open("rb"))


def boom(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError("no page today")


urlpatterns = [
    path("", index),
    path("told", told),
    path("echo", echo),
    path("form", form),
    path("stream/<int:count>", stream),
    path("file", file),
    path("boom", boom),
]
application = get_wsgi_application()
