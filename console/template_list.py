"""``/api/templates``: the texts of notices.yml."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from console.access import MAY_READ_TEMPLATES
from console.context import Given
from console.openapi import answers
from outreach.template_check import warnings_of
from outreach.templates import NoticeClass

router = APIRouter(prefix="/api/templates", tags=["templates"])


class TemplateReport(BaseModel):
    """A text with variables."""

    name: str
    kind: NoticeClass = Field(serialization_alias="class")
    subject: str
    conversation: bool
    """Whether whoever sends it must say what an answer means."""
    text: str
    variables: list[str]
    """Those that must be given a value."""
    warnings: list[str]


class TemplateList(BaseModel):
    """All of them."""

    templates: list[TemplateReport]


@router.get("", response_model=TemplateList, responses=answers(), dependencies=[MAY_READ_TEMPLATES])
async def templates(context: Given) -> TemplateList:
    """All texts by name, and what is better written otherwise in them."""
    return TemplateList(
        templates=[
            TemplateReport(
                name=one.name,
                kind=one.notice_class,
                subject=one.subject,
                conversation=one.conversation,
                text=one.text,
                variables=list(context.templates.needed(one.name)),
                warnings=list(warnings_of(one)),
            )
            for one in context.templates
        ]
    )
