"""The description of our own paths says what they do."""

from __future__ import annotations

from typing import Any

import pytest
from beets.library import Library
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from .served import application
from .test_api import REFUSALS

GOOD: dict[str, dict[str, str]] = {
    "/similar": {"id": "20", "n": "3"},
    "/journey": {"from_id": "20", "to_id": "140", "n": "5"},
    "/sounds": {"words": "calm piano", "n": "3"},
    "/words": {},
    "/status": {},
    "/openapi.json": {},
}
PARAMETERS = [
    ("/similar", "query"), ("/similar", "id"), ("/similar", "n"), ("/journey", "from"), ("/journey", "from_id"),
    ("/journey", "to"), ("/journey", "to_id"), ("/journey", "n"), ("/sounds", "words"), ("/sounds", "n"),
]  # fmt: skip


@pytest.fixture(scope="module")
def document(client: FlaskClient) -> Any:
    return client.get("/openapi.json").json


def valid(document: Any, schema: dict[str, Any], instance: Any) -> bool:
    return Draft202012Validator({**schema, "components": document["components"]}).is_valid(instance)


def test_it_is_openapi(document: Any) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_it_describes_our_paths_and_no_others(served: Library, document: Any) -> None:
    rules = application(served).url_map.iter_rules()
    assert set(document["paths"]) == {rule.rule for rule in rules if rule.endpoint.startswith("api.")}
    assert set(document["paths"]) == set(GOOD)


@pytest.mark.parametrize("path", GOOD)
def test_answers_and_errors_have_the_described_shapes(client: FlaskClient, document: Any, path: str) -> None:
    responses = document["paths"][path]["get"]["responses"]
    answer = client.get(path, query_string=GOOD[path])
    assert answer.status_code == 200
    assert valid(document, responses["200"]["content"]["application/json"]["schema"], answer.json)
    refused = client.get(path, query_string={"unknown": "1"})
    assert refused.status_code == 400
    assert valid(document, {"$ref": "#/components/schemas/Error"}, refused.json)
    assert not valid(document, {"$ref": "#/components/schemas/Error"}, answer.json)


def test_every_refusal_is_described(document: Any) -> None:
    for path, _, status, _ in REFUSALS:
        assert str(status) in document["paths"][path]["get"]["responses"], (path, status)


def test_every_described_parameter_is_listed_above(document: Any) -> None:
    described = [
        (path, each["name"]) for path, verbs in document["paths"].items() for each in verbs["get"]["parameters"]
    ]
    assert sorted(described) == sorted(PARAMETERS)


@pytest.mark.parametrize(("path", "name"), PARAMETERS)
def test_every_described_parameter_is_read(client: FlaskClient, path: str, name: str) -> None:
    refused = client.get(path, query_string=GOOD[path] | {name: "\0"})
    assert refused.status_code == 400
    assert refused.json is not None
    assert refused.json["error"].startswith(f"{name} ")


def test_the_described_defaults_are_those_of_the_settings(served: Library) -> None:
    document: Any = application(served, max_count=3).test_client().get("/openapi.json").json
    (n,) = (each for each in document["paths"]["/similar"]["get"]["parameters"] if each["name"] == "n")
    assert n["schema"]["default"] == 3
    assert "more than 3 count as 3" in n["description"]
