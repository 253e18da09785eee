"""URLs of the pages."""

from __future__ import annotations

from django.urls import path

from frontend.views import account, docs, jobs, newjob, observations, provenance, query, search

urlpatterns = [
    path("", search.search, name="search"),
    path("results", search.results, name="results"),
    path("observations/<path:did>", observations.observation, name="observation"),
    path("query", query.query, name="query"),
    path("jobs", jobs.jobs, name="jobs"),
    path("jobs/new", newjob.job_choice, name="job_choice"),
    path("jobs/new/<str:type_name>", newjob.new_job, name="new_job"),
    path("jobs/<str:job_id>", jobs.job, name="job"),
    path("jobs/<str:job_id>/run", jobs.job_action, {"action": "run"}, name="job_run"),
    path("jobs/<str:job_id>/abort", jobs.job_action, {"action": "abort"}, name="job_abort"),
    path("jobs/<str:job_id>/delete", jobs.job_action, {"action": "delete"}, name="job_delete"),
    path("provenance", provenance.provenance, name="provenance"),
    path("account", account.account, name="account"),
    path("account/sign-in", account.SignIn.as_view(), name="sign_in"),
    path("account/sign-out", account.SignOut.as_view(), name="sign_out"),
    path("account/tokens/<int:number>/revoke", account.revoke, name="revoke_token"),
    path("docs", docs.docs, name="docs"),
    path("docs/<path:name>", docs.docs, name="docs_page"),
]
