# SPDX-License-Identifier: Apache-2.0
"""COUNT requests to a Django application by its test client: routing, middleware, a template, JSON."""

import sys

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["testserver"],
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware",
                "django.middleware.common.CommonMiddleware",
                "django.middleware.clickjacking.XFrameOptionsMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="a benchmark has none",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}])
django.setup()

from django.http import HttpResponse, JsonResponse  # noqa: E402
from django.template import engines  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path, reverse  # noqa: E402

PAGE = engines["django"].from_string(
    "<h1>{{ title|upper }}</h1>{% for row in rows %}<p class=\"{% cycle 'odd' 'even' %}\">"
    "{{ row.name }}: {{ row.value|floatformat:2 }}</p>{% empty %}nothing{% endfor %}")


def page(request, number):
    rows = [{"name": f"row {i} <{number}>", "value": i * 1.5} for i in range(10)]
    return HttpResponse(PAGE.render({"title": f"page {number}", "rows": rows}, request))


def data(request, number):
    address = reverse("page", args=[number])
    return JsonResponse({"number": number, "query": request.GET.dict(), "page": address})


urlpatterns = [path("page/<int:number>/", page, name="page"), path("data/<int:number>/", data)]


def main(count):
    client, size = Client(), 0
    for i in range(count):
        size += len(client.get(f"/page/{i}/").content)
        answer = client.get(f"/data/{i}/", {"q": "a b", "n": i})
        size += len(answer.json()["page"]) + answer.status_code
    print(size)


main(int(sys.argv[1]))
