"""Tables that come with a query: UPLOAD read, checked, and made queryable as TAP_UPLOAD (TAP 1.1 section 2.7.6).

wanted = sources(parameters.all("UPLOAD"))     # names and URIs, checked
uploads = receive(wanted, parts(parameters))   # content read into Arrow
prepare(text, context, uploads=uploads)        # the tables exist in the database while the query runs
"""

from tap.uploads.content import Content
from tap.uploads.parameter import Part, Source, part_names, parts, sources
from tap.uploads.receive import receive
from tap.uploads.table import Upload, upload

__all__ = ["Content", "Part", "Source", "Upload", "part_names", "parts", "receive", "sources", "upload"]
