"""A stand-in for Claude on Amazon Bedrock, and for Azure OpenAI (azure_form.py), for tests only.

It holds every Converse request against AWS's published service model (botocore carries it) and against
what Bedrock and the models are known to refuse, and answers what a script says. Whatever is wrong with a
request is answered with a ValidationException and counted, so that a test cannot pass by a request that
the real service would refuse.

    python bedrock_standin.py [--port 0]        prints "ready http://127.0.0.1:PORT" once it listens
    … --tls-port 0 --certificate FILE           the same sessions over TLS too; the file holds key and certificate

A path prefix /s/NAME/ makes a session: scripts and counts of one session leave the others alone. Give the
station the endpoint http://127.0.0.1:PORT/s/NAME.

    POST   [/s/NAME]/_control/script     a JSON list of steps, one for each request to come
    GET    [/s/NAME]/_control/requests   {"requests": [...], "refused": N}
    POST   [/s/NAME]/_control/cache      keeps prompts from now on, as Bedrock does up to a cache point
    DELETE [/s/NAME]/_control            forgets script, requests and prompts

A step is an object; without steps left, a valid "good" reply is given, or a cause that knows nothing.
    {"reply": {...}}             the tool's input; what it lacks of the fields that every reply needs is
                                 filled in from the request (image token, checklist, picture 0 of a finding)
    {"reply_exactly": {...}}     the tool's input, as it stands
    {"prose": "..."}             text instead of a tool's call
    {"two_tools": true}          the reply, twice
    {"tool_name": "other"}       the reply to another tool
    {"stop_reason": "max_tokens", "cut_json": true}   how it ended; the input with its latter half gone
    {"error": "ThrottlingException", "status": 429, "message": "...", "retry_after": 7}
    {"raw": "text", "status": 200}   this body
    {"drop": true}               the connection is closed without an answer
and with any of them:
    "delay_ms": 500              wait first
    "times": 3                   for so many requests
    "model": "opus-5"            only for requests whose model id holds this
    "asks": "cause"              for the next question for a cause; without it a step is for an inspection or its repair
"""

import argparse
import base64
import binascii
import json
import re
import ssl
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import azure_form
import botocore.session
from standin_replies import Refused, check_sizes, checked_image, expect, filled_in, split_references

STATUS_OF_ERROR = {
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "InternalServerException": 500,
    "MissingAuthenticationTokenException": 403,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelTimeoutException": 408,
    "ResourceNotFoundException": 404,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "UnrecognizedClientException": 403,
    "ValidationException": 400,
}
# A shorter prompt is kept by no model.
CACHE_FLOOR_TOKENS = 512
REFUSES_TEMPERATURE = re.compile(r"opus-4-8|(opus|sonnet)-5|fable-5")
REFUSES_FORCED_TOOL = re.compile(r"(opus|sonnet)-5-5|fable-5-1")


def check_shape(value, shape, where):
    """Holds a JSON value against a shape of the service model."""
    kind = shape.type_name
    if kind == "structure":
        check_structure(value, shape, where)
    elif kind == "list":
        expect(isinstance(value, list), where, "a list", value)
        check_length(len(value), shape, where)
        for index, item in enumerate(value):
            check_shape(item, shape.member, f"{where}[{index}]")
    elif kind == "map":
        expect(isinstance(value, dict), where, "an object", value)
        check_length(len(value), shape, where)
        for key, item in value.items():
            check_shape(key, shape.key, f"{where} key")
            check_shape(item, shape.value, f"{where}.{key}")
    elif kind == "string":
        expect(isinstance(value, str), where, "a string", value)
        if getattr(shape, "enum", None):
            expect(value in shape.enum, where, f"one of {shape.enum}", value)
        check_length(len(value), shape, where)
        pattern = shape.metadata.get("pattern")
        if pattern:
            expect(re.fullmatch(pattern, value, re.DOTALL), where, f"text like {pattern}", value)
    elif kind == "blob":
        expect(isinstance(value, str), where, "base64", value)
        try:
            check_length(len(base64.b64decode(value, validate=True)), shape, where)
        except binascii.Error as error:
            raise Refused(f"{where} is not base64: {error}") from None
    elif kind == "boolean":
        expect(isinstance(value, bool), where, "true or false", value)
    elif kind in ("integer", "long"):
        expect(isinstance(value, int) and not isinstance(value, bool), where, "a whole number", value)
        check_range(value, shape, where)
    elif kind in ("float", "double"):
        expect(isinstance(value, (int, float)) and not isinstance(value, bool), where, "a number", value)
        check_range(value, shape, where)
    else:
        raise Refused(f"{where} is of a kind that the stand-in does not know: {kind}")


def check_structure(value, shape, where):
    if getattr(shape, "is_document_type", False):
        return  # any JSON
    expect(isinstance(value, dict), where, "an object", value)
    names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
    for key, item in value.items():
        expect(key in names, where, f"only {sorted(names)}", key)
        check_shape(item, shape.members[names[key]], f"{where}.{key}")
    for name in shape.required_members:
        if shape.members[name].serialization.get("location") is None:
            expect(name in value, where, f"a member {name}", sorted(value))
    if getattr(shape, "is_tagged_union", False):
        expect(len(value) == 1, where, "exactly one member", sorted(value))


def check_length(length, shape, where):
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    expect(least is None or length >= least, where, f"a length of at least {least}", length)
    expect(most is None or length <= most, where, f"a length of at most {most}", length)


def check_range(value, shape, where):
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    expect(least is None or value >= least, where, f"at least {least}", value)
    expect(most is None or value <= most, where, f"at most {most}", value)


def check_signature(headers):
    given = headers.get("Authorization", "")
    form = (
        r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/[a-z0-9-]+/bedrock/aws4_request, ?"
        r"SignedHeaders=[a-z0-9;-]+, ?Signature=[0-9a-f]{64}"
    )
    if not re.fullmatch(form, given):
        raise Refused("Missing Authentication Token", "MissingAuthenticationTokenException")


def check_messages(body):
    """What belongs to this product's requests: reference pictures where there are any, and a cache point behind them,
    then the part's pictures, then a text that tells their true sizes in their order. After it may come an answer and
    what is wrong with it."""
    messages = body["messages"]
    roles = [message["role"] for message in messages]
    expect(roles in (["user"], ["user", "assistant", "user"]), "messages", "one question, or one and its repair", roles)
    content = messages[0]["content"]
    kinds = [next(iter(block)) for block in content]
    head = split_references(kinds, [block.get("text") for block in content])
    references = [
        {"text": content[at]["text"], **checked_block(content[at + 1])} for at in range(0, head, 2)
    ]
    cached = head > 0 and kinds[head] == "cachePoint"
    content, kinds = content[head + cached :], kinds[head + cached :]
    shown = len(kinds) - 1
    expect(shown >= 1 and kinds == ["image"] * shown + ["text"], "the question", "images and then one text", kinds)
    text = content[-1]["text"]
    images = [checked_block(block) for block in content[:-1]]
    check_sizes(text, images)
    if len(messages) == 3:
        check_repair(messages[1]["content"], messages[2]["content"])
    return {"images": images, "text": text, "references": references, "references_cached": cached}


def checked_block(block):
    expect(block["image"]["format"] == "jpeg", "image.format", "jpeg", block["image"]["format"])
    return checked_image(base64.b64decode(block["image"]["source"]["bytes"]))


def check_repair(said, mended):
    """Each call of a tool wants its result in the next message, as the service does."""
    for block in said:
        if "text" in block and not block["text"].strip():
            raise Refused("text content blocks must contain non-whitespace text")
    calls = [block["toolUse"]["toolUseId"] for block in said if "toolUse" in block]
    results = [block["toolResult"]["toolUseId"] for block in mended if "toolResult" in block]
    expect(calls == results, "the last message", f"a result for each call {calls}", results)


def check_family(model_id, body):
    """What single families of models refuse."""
    if "anthropic.claude" not in model_id:
        raise Refused("The provided model identifier is invalid.")
    if "temperature" in body.get("inferenceConfig", {}) and REFUSES_TEMPERATURE.search(model_id):
        raise Refused("`temperature` is deprecated for this model.")
    if "tool" in body.get("toolConfig", {}).get("toolChoice", {}) and REFUSES_FORCED_TOOL.search(model_id):
        raise Refused("tool_choice forces tool use, which this model does not support.")


class Session:
    """Script and requests of one session."""

    def __init__(self):
        self.lock = threading.Lock()
        self.steps = []
        self.requests = []
        self.refused = 0
        self.kept_prompts = None

    def cache_counts(self, body):
        """What of a request's tokens is read from the cache, and what is written to it."""
        with self.lock:
            point = [index for index, block in enumerate(body.get("system", [])) if "cachePoint" in block]
            if self.kept_prompts is None or not point:
                return {}
            # In the order in which it was sent: the service keeps a prompt by its very letters.
            prompt = json.dumps([body.get("toolConfig"), body["system"][: point[0]]])
            tokens = len(prompt) // 4
            if tokens < CACHE_FLOOR_TOKENS:
                return {}
            known = prompt in self.kept_prompts
            self.kept_prompts.add(prompt)
            return {"cacheReadInputTokens": tokens if known else 0, "cacheWriteInputTokens": 0 if known else tokens}

    def take_step(self, model_id, asks):
        with self.lock:
            for index, step in enumerate(self.steps):
                if step.get("model", "") not in model_id:
                    continue
                # A script speaks of inspections; a cause is given as it comes, unless a step is for one.
                if (asks == "cause") != (step.get("asks") == "cause"):
                    continue
                left = step.get("times", 1) - 1
                if left > 0:
                    self.steps[index] = {**step, "times": left}
                else:
                    del self.steps[index]
                return step
        return {}


def system_of(body):
    return "\n".join(block.get("text", "") for block in body.get("system", []))


def asks_for_cause(body):
    """True where not an inspection's reply is asked for, but a cause."""
    tools = [tool["toolSpec"]["name"] for tool in body.get("toolConfig", {}).get("tools", []) if "toolSpec" in tool]
    return "record_cause" in tools or (not tools and '"root_cause"' in system_of(body))


def answer(step, body, text, cached):
    """The body of a reply in the service's own form."""
    tools = [tool["toolSpec"]["name"] for tool in body.get("toolConfig", {}).get("tools", []) if "toolSpec" in tool]
    reply = step["reply_exactly"] if "reply_exactly" in step else filled_in(
        step.get("reply", {}), system_of(body), text, asks_for_cause(body)
    )
    if step.get("cut_json"):
        reply = dict(list(reply.items())[: len(reply) // 2])
    if "prose" in step:
        content, end = [{"text": step["prose"]}], "end_turn"
    elif tools:
        name = step.get("tool_name", tools[0])
        calls = 2 if step.get("two_tools") else 1
        content = [
            {"toolUse": {"toolUseId": f"tooluse_{uuid.uuid4().hex[:22]}", "name": name, "input": reply}}
            for _ in range(calls)
        ]
        end = "tool_use"
    else:
        said = json.dumps(reply, ensure_ascii=False)
        content, end = [{"text": said[: len(said) // 2] if step.get("cut_json") else said}], "end_turn"
    usage = {"inputTokens": 4191, "outputTokens": 400, "totalTokens": 4591, **cached, **step.get("usage", {})}
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": step.get("stop_reason", end),
        "usage": usage,
        "metrics": {"latencyMs": 1000},
    }


class StandIn(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address):
        super().__init__(address, Handler)
        model = botocore.session.Session().get_service_model("bedrock-runtime")
        self.converse_shape = model.operation_model("Converse").input_shape
        self.sessions = {}
        self.lock = threading.Lock()

    def session(self, name):
        with self.lock:
            return self.sessions.setdefault(name, Session())

    def also_over_tls(self, port, certificate):
        """Serves the same sessions at another port, by a thread of its own."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        other = StandIn(("127.0.0.1", port))
        # The handshake is for the connection's own thread: a client that hangs in it must stop nobody else.
        other.socket = context.wrap_socket(other.socket, server_side=True, do_handshake_on_connect=False)
        other.sessions, other.lock = self.sessions, self.lock
        threading.Thread(target=other.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def route(self):
        """Session and path."""
        path = urlsplit(self.path).path
        found = re.match(r"/s/([^/]+)(/.*)", path)
        name, path = (found[1], found[2]) if found else ("", path)
        return self.server.session(name), path

    def do_GET(self):
        session, path = self.route()
        if path != "/_control/requests":
            return self.send({"message": "not found"}, 404)
        with session.lock:
            return self.send({"requests": session.requests, "refused": session.refused})

    def do_DELETE(self):
        session, path = self.route()
        if path != "/_control":
            return self.send({"message": "not found"}, 404)
        with session.lock:
            session.steps, session.requests, session.refused, session.kept_prompts = [], [], 0, None
        return self.send({})

    def do_POST(self):
        session, path = self.route()
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if path == "/_control/script":
            with session.lock:
                session.steps = json.loads(data)
            return self.send({})
        if path == "/_control/cache":
            with session.lock:
                session.kept_prompts = set()
            return self.send({})
        found = re.fullmatch(r"/model/([^/]+)/converse", path)
        if path.startswith("/openai/"):
            return self.complete(session, data)
        if not found:
            return self.send_error_of("UnknownOperationException", f"no such operation: {path}", 404)
        return self.converse(session, unquote(found[1]), data)

    def converse(self, session, model_id, data):
        record = {"model_id": model_id}
        try:
            check_signature(self.headers)
            body = json.loads(data)
            check_shape({**body, "modelId": model_id}, self.server.converse_shape, "request")
            check_family(model_id, body)
            record.update(check_messages(body))
            record["image"] = record["images"][0]
            record["asks"] = "cause" if asks_for_cause(body) else "repair" if len(body["messages"]) > 1 else "reply"
            record["system"] = [block.get("text", block) for block in body.get("system", [])]
            record["toolConfig"] = body.get("toolConfig")
            record["inferenceConfig"] = body.get("inferenceConfig")
        except (Refused, ValueError, KeyError) as error:
            record["refused"] = str(error)
            with session.lock:
                session.refused += 1
                session.requests.append(record)
            return self.send_error_of(getattr(error, "code", "ValidationException"), str(error))
        with session.lock:
            session.requests.append(record)
        cached = session.cache_counts(body)
        step = session.take_step(model_id, record["asks"])
        return self.follow(step, lambda step: answer(step, body, record["text"], cached))

    def complete(self, session, data):
        """Azure's form."""
        record = {}
        try:
            body = json.loads(data)
            record.update(azure_form.checked(urlsplit(re.sub(r"^/s/[^/]+", "", self.path)), self.headers, body))
        except (Refused, ValueError, KeyError, TypeError) as error:
            if getattr(error, "code", "") == "401":
                return self.send({"error": {"code": "401", "message": str(error)}}, 401)
            with session.lock:
                session.refused += 1
                session.requests.append({**record, "refused": str(error)})
            return self.send({"error": {"code": "invalid_request", "message": str(error)}}, 400)
        with session.lock:
            session.requests.append(record)
        step = session.take_step(record["model_id"], record["asks"])
        if "error" in step:
            time.sleep(step.get("delay_ms", 0) / 1000)
            headers = {"Retry-After": str(step["retry_after"])} if "retry_after" in step else {}
            told = {"error": {"code": step["error"], "message": step.get("message", "as scripted")}}
            return self.send(told, step["status"], headers)
        return self.follow(step, lambda step: azure_form.answer(step, body, record["text"]))

    def follow(self, step, made):
        time.sleep(step.get("delay_ms", 0) / 1000)
        if step.get("drop"):
            self.close_connection = True
            return self.connection.close()
        if "error" in step:
            return self.send_error_of(
                step["error"], step.get("message", "as scripted"), step.get("status"), step.get("retry_after")
            )
        if "raw" in step:
            return self.send(step["raw"], step.get("status", 200))
        return self.send(made(step))

    def send_error_of(self, code, message, status=None, retry_after=None):
        headers = {"x-amzn-ErrorType": code}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        return self.send({"message": message}, status or STATUS_OF_ERROR.get(code, 400), headers)

    def send(self, body, status=200, headers=None):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client did not wait; tests of timeouts mean it so


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--tls-port", type=int)
    parser.add_argument("--certificate", help="PEM, key and certificate")
    arguments = parser.parse_args()
    server = StandIn(("127.0.0.1", arguments.port))
    if arguments.tls_port is not None:
        server.also_over_tls(arguments.tls_port, arguments.certificate)
    print(f"ready http://127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
