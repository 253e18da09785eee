"""Retrieval: stored files as clients get them, one or many, and the copies that are made for it.

`contents` says what a stored file is to its readers (name, size, checksum), `unpacking` reads compressed files,
`copies` keeps local and unpacked copies, `serving` makes the answer for one file; `selection`, `layout` with `tarball`
and `zipball`, and `script` are for many.
"""
