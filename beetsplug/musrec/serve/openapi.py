"""The description of our own paths, for `/openapi.json`: their parameters are also those that `api` lets through."""

from __future__ import annotations

from typing import Any

import musrec_core

from .parameters import MOST_CHARACTERS, MOST_VALUES

Json = dict[str, Any]


def document(count: int, most: int) -> Json:
    """OpenAPI 3.1.

    Parameters
    ----------
    count : int
        The number of songs where a request says none.
    most : int
        The largest number of songs.
    """
    n = {
        "name": "n",
        "in": "query",
        "description": f"How many songs; more than {most} count as {most}.",
        "schema": {"type": "integer", "minimum": 1, "default": min(count, most)},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "beets-musrec",
            "version": musrec_core.__version__,
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": "Similar songs of a beets library. The paths below `/api/` are those of AudioMuse-AI, "
            "for its clients; docs/players.md describes them.",
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {}],  # none where no token is set
        "paths": {
            "/similar": _path(
                "similar",
                "The songs that sound most like some others, nearest first.",
                "Seeds",
                [*_named("query", "id", "the songs to start from", many=True), n],
                404, 409,
            ),
            "/journey": _path(
                "journey",
                "A path from one song to another, on which each song is similar to the one before.",
                "Songs",
                [
                    *_named("from", "from_id", "the first song"),
                    *_named("to", "to_id", "the last song"),
                    {**n, "description": f"{n['description']} The two ends count."},
                ],
                404, 409,
            ),
            "/sounds": _path(
                "sounds",
                "The songs that sound most like some words.",
                "Songs",
                [_text("words", "Words, as in `calm piano, no vocals`; `/words` lists them.", required=True), n],
                409,
            ),
            "/words": _path("words", "The words that the model knows.", "Words", [], 409),
            "/status": _path("status", "What there is to answer from.", "Status", []),
            "/openapi.json": _path("openapi", "This description.", "Document", []),
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "`musrec.serve.token`"}},
            "responses": {"Error": {"description": "One sentence says why.", "content": _json("Error")}},
            "schemas": _SCHEMAS,
        },
    }  # fmt: skip


def _path(name: str, summary: str, schema: str, parameters: list[Json], *statuses: int) -> Json:
    errors = sorted({400, 401, 403, 500, 503, *statuses})
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "parameters": parameters,
            "responses": {
                "200": {"description": "The answer.", "content": _json(schema)},
                **{str(status): {"$ref": "#/components/responses/Error"} for status in errors},
            },
        }
    }


def _json(schema: str) -> Json:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _text(name: str, description: str, *, required: bool = False) -> Json:
    return {
        "name": name,
        "in": "query",
        "required": required,
        "description": description,
        "schema": {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS},
    }


def _named(query: str, id_: str, what: str, *, many: bool = False) -> list[Json]:
    """A query, or an id in its place."""
    matched = "all that it matches" if many else "the first that it matches"
    ids = _text(id_, f"In place of `{query}`: the id of {what}{', which may be repeated' if many else ''}.")
    if many:
        ids["schema"] = {"type": "array", "items": ids["schema"], "maxItems": MOST_VALUES}
    return [_text(query, f"A beets query for {what}: {matched}."), ids]


def _object(**properties: Json) -> Json:
    return {"type": "object", "required": [*properties], "properties": properties, "additionalProperties": False}


def _list(schema: str) -> Json:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{schema}"}}


_NUMBER = {"type": "integer", "minimum": 0}
_SCHEMAS: Json = {
    "Song": _object(
        id={"type": "string", "description": "Of beets, or of the media server."},
        title={"type": "string"},
        artist={"type": "string"},
        album={"type": "string"},
        length={"type": "number", "description": "Seconds."},
        distance={
            "type": ["number", "null"],
            "description": "From the seeds; in a journey, from the song before; null for a seed.",
        },
    ),
    "Songs": _object(songs=_list("Song")),
    "Seeds": _object(seeds=_list("Song"), songs=_list("Song")),
    "Words": _object(words=_list("Word")),
    "Word": _object(
        name={"type": "string"},
        group={"type": "string"},
        auc={
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": "How often the word ranks a song that it fits above one that it does not: 0.5 is chance.",
        },
    ),
    "Status": {
        "type": "object",
        "required": ["version", "model", "songs", "embedded", "ids"],
        "properties": {
            "version": {"type": "string"},
            "model": {"type": "string"},
            "songs": {**_NUMBER, "description": "In the library."},
            "embedded": {**_NUMBER, "description": "Of these, those that can be found."},
            "failed": {**_NUMBER, "description": "Of these, those that could not be embedded."},
            "ids": {"type": "string", "enum": ["beets", "subsonic"], "description": "Whose ids songs have here."},
            "server": {"type": "string", "description": "The media server's host."},
            "matched": {**_NUMBER, "description": "Songs that the media server and beets both have."},
            "unmatched": {**_NUMBER, "description": "Songs of the media server that stand for none of beets."},
            "ambiguous": {**_NUMBER, "description": "Of these, those that may be several."},
        },
    },
    "Document": {"type": "object", "required": ["openapi", "info", "paths"]},
    "Error": _object(error={"type": "string"}),
}
