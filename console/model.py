"""The base of what the API takes and tells."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """What stands below a field in the code describes it in the OpenAPI document."""

    model_config = ConfigDict(use_attribute_docstrings=True)
