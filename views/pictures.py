"""Pictures that the merchant uploaded, each under the hash of its bytes."""

from flask import Blueprint, Response, abort, request

from models import Picture, db
from views.access import public
from views.static_files import FOR_EVER

blueprint = Blueprint("pictures", __name__)


@blueprint.get("/pictures/<string:sha256>.webp")
@public
def show(sha256: str) -> Response:
    """Serve a picture for ever: other bytes have another address."""
    picture = db.session.get(Picture, sha256) or abort(404)
    is_known = request.if_none_match.contains_weak(picture.sha256)
    answer = Response(status=304) if is_known else Response(picture.content)
    answer.content_type = picture.content_type
    answer.headers["Cache-Control"] = FOR_EVER
    answer.set_etag(picture.sha256)
    return answer
