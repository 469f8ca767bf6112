"""What the stand-ins of all models share: what the product may send, and replies that keep to its contract."""

import hashlib
import re

MAX_IMAGE_BYTES = 3_932_160
MAX_IMAGE_SIDE_PX = 8000


class Refused(Exception):
    """The request is one that the service would refuse."""

    def __init__(self, message, code="ValidationException"):
        super().__init__(message)
        self.code = code


def expect(holds, where, what, given):
    if not holds:
        raise Refused(f"{where} must have {what}; given: {str(given)[:120]}")


def jpeg_size(data):
    """Width and height from the frame header of a whole JPEG."""
    if data[:2] != b"\xff\xd8" or data[-2:] != b"\xff\xd9":
        raise Refused("the image is not a whole JPEG")
    at = 2
    while at + 9 < len(data):
        if data[at] != 0xFF:
            break
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + length
    raise Refused("the JPEG has no frame header")


def checked_image(data):
    """Facts of a picture that is sent, where it is one that the product may send."""
    expect(len(data) <= MAX_IMAGE_BYTES, "image", f"at most {MAX_IMAGE_BYTES} bytes", len(data))
    width, height = jpeg_size(data)
    expect(max(width, height) <= MAX_IMAGE_SIDE_PX, "image", f"at most {MAX_IMAGE_SIDE_PX} px a side", (width, height))
    return {"width_px": width, "height_px": height, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def check_sizes(text, images):
    """The text tells the true sizes of the pictures, in their order."""
    told = re.findall(r"(\d+)\s*×\s*(\d+)", text)
    true = [(str(image["width_px"]), str(image["height_px"])) for image in images]
    expect(told == true, "the text", f"the sizes {true}", told)


def split_references(kinds, texts):
    """How many blocks at the head of a question are reference pictures: each a text that says what it is, and its
    picture. A cache point may follow them, and nothing else."""
    head = 0
    while kinds[head : head + 2] in (["text", "image"], ["text", "image_url"]):
        says = texts[head]
        expect(re.search(r"^(Reference|参考图) ", says), "a text before a picture", "what makes it a reference", says)
        expect(re.search(r"never give|绝不", says), "a reference", "a word that it is not judged", says)
        head += 2
    return head


CAUSE = {
    "probable_stage": None,
    "root_cause": "原因不明",
    "five_whys": [],
    "ishikawa": {"machine": [], "material": [], "method": [], "man": [], "measurement": [], "environment": []},
    "contributing_factors": [],
    "corrective_actions": [],
    "preventive_actions": [],
}


def filled_in(reply, system, text, cause):
    """A reply, or a cause, with the fields that every one needs."""
    token = re.search(r"Image token: ([0-9a-f]+)", text)
    token = token[1] if token else ""
    if cause:
        return {"image_token": token, **CAUSE, **reply}
    codes = re.findall(r"^- ([A-Z]{2}\d+): ", system, re.MULTILINE)
    if re.search(r"`checklist` 留空|the checklist stays empty", text):
        codes = []
    findings = [{"picture": 0, **finding} if isinstance(finding, dict) else finding for finding in reply.get("findings", [])]
    reply = {**reply, "findings": findings}
    violated = {finding.get("criterion") for finding in findings if isinstance(finding, dict)}
    return {
        "image_token": token,
        "image_quality": {"usable": True, "reason": ""},
        "part": "expected",
        "instruction_in_image": False,
        "checklist": [{"criterion": c, "result": "violated" if c in violated else "met"} for c in codes],
        "verdict": "defective" if findings else "good",
        "summary": "",
        **reply,
    }
