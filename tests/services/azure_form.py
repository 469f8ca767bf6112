"""Chat completions of Azure OpenAI: what the service refuses of a request, and an answer in its form.

Source: https://learn.microsoft.com/azure/ai-foundry/openai/reference.
"""

import base64
import json
import re
from urllib.parse import parse_qs

from standin_replies import Refused, check_sizes, checked_image, expect, filled_in, split_references

KEY = "azure-test-key"


def checked(url, headers, body):
    """What is noted of a request that the service takes."""
    if headers.get("api-key") != KEY:
        raise Refused("Access denied due to invalid subscription key.", "401")
    classic = re.fullmatch(r"/openai/deployments/([^/]+)/chat/completions", url.path)
    if classic:
        expect("api-version" in parse_qs(url.query), "the classic address", "an api-version", url.query)
        expect(body["model"] == classic[1], "model", "the deployment of the address", body["model"])
    else:
        expect(url.path == "/openai/v1/chat/completions", "the address", "a known path", url.path)
    form = body["response_format"]
    expect(form["type"] == "json_schema" and form["json_schema"]["strict"] is True, "response_format", "strict", form)
    expect(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", form["json_schema"]["name"]), "the schema's name", "a name", form)
    check_strict(form["json_schema"]["schema"], "schema")
    roles = [message["role"] for message in body["messages"]]
    known = (["system", "user"], ["system", "user", "assistant", "user"])
    expect(roles in known, "messages", "one question, or one and its repair", roles)
    content = body["messages"][1]["content"]
    kinds = [part["type"] for part in content]
    head = split_references(kinds, [part.get("text") for part in content])
    references = [{"text": content[at]["text"], **checked_part(content[at + 1])} for at in range(0, head, 2)]
    content, kinds = content[head:], kinds[head:]
    expect(kinds == ["image_url"] * (len(kinds) - 1) + ["text"], "the question", "images and then one text", kinds)
    images = [checked_part(part) for part in content[:-1]]
    text = content[-1]["text"]
    check_sizes(text, images)
    asks = "cause" if asks_for_cause(body) else "repair" if len(roles) > 2 else "reply"
    seen = {"images": images, "image": images[0], "text": text, "references": references}
    return {"model_id": body["model"], **seen, "asks": asks}


def checked_part(part):
    url, head = part["image_url"]["url"], "data:image/jpeg;base64,"
    expect(url.startswith(head), "image_url", f"an address that begins with {head}", url[:40])
    return checked_image(base64.b64decode(url[len(head) :], validate=True))


def check_strict(schema, where):
    """Strict mode: every object closed, every property required, nothing that it does not know."""
    if isinstance(schema, list):
        for index, inner in enumerate(schema):
            check_strict(inner, f"{where}[{index}]")
    if not isinstance(schema, dict):
        return
    refused = {"minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength", "pattern", "format", "oneOf", "$ref"}
    expect(not refused & set(schema), where, "no keyword that strict mode refuses", refused & set(schema))
    if schema.get("type") == "object":
        expect(schema.get("additionalProperties") is False, where, "additionalProperties false", schema)
        properties, required = set(schema["properties"]), set(schema.get("required", []))
        expect(properties == required, where, "every property required", properties ^ required)
    for key, inner in schema.items():
        if key not in ("enum", "required"):
            check_strict(inner, f"{where}.{key}")


def asks_for_cause(body):
    return "root_cause" in body["response_format"]["json_schema"]["schema"]["properties"]


def answer(step, body, text):
    """The body of an answer; steps are those of the stand-in for Claude."""
    system = body["messages"][0]["content"]
    reply = step.get("reply_exactly")
    if reply is None:
        reply = filled_in(step.get("reply", {}), system, text, asks_for_cause(body))
    said = step.get("prose") or json.dumps(reply, ensure_ascii=False)
    if step.get("cut_json"):
        said = said[: len(said) // 2]
    message = {"role": "assistant", "content": said, "refusal": step.get("refusal")}
    return {
        "id": "chatcmpl-standin",
        "object": "chat.completion",
        "model": body["model"],
        "choices": [{"index": 0, "finish_reason": step.get("stop_reason", "stop"), "message": message}],
        "usage": {"prompt_tokens": 2000, "completion_tokens": 400, "total_tokens": 2400},
    }
