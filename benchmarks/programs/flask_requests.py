# SPDX-License-Identifier: Apache-2.0
"""COUNT requests to a Flask application by its test client: routing, a template, JSON."""

import sys

from flask import Flask, jsonify, render_template_string, request, url_for

application = Flask(__name__)
PAGE = """<h1>{{ title|upper }}</h1>
{% for row in rows %}
<p>{{ loop.index }}: {{ row.name }} {{ "%.2f"|format(row.value) }}</p>
{% endfor %}"""


@application.route("/page/<int:number>")
def page(number):
    rows = [{"name": f"row {i} <{number}>", "value": i * 1.5} for i in range(10)]
    return render_template_string(PAGE, title=f"page {number}", rows=rows)


@application.route("/data/<int:number>", methods=["POST"])
def data(number):
    return jsonify(number=number, sent=request.get_json(), page=url_for("page", number=number))


def main(count):
    client, size = application.test_client(), 0
    for i in range(count):
        size += len(client.get(f"/page/{i}").data)
        size += len(client.post(f"/data/{i}", json={"a": [i, "b"]}).get_json()["page"])
    print(size)


main(int(sys.argv[1]))
