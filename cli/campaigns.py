"""``linnet campaign``: what the commands do, on the terminal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli.failure import Failure
from connectors.credentials import load_settings
from connectors.settings import Settings
from database.pool import Pool, make_pool
from messaging.clock import SystemClock
from outreach import campaign_actions, campaign_results, campaign_table
from outreach.alerts import APPROVALS, missing_approvals
from outreach.audience import Audience, CsvAudience, Report
from outreach.audience_query import QueryAudience, read_queries
from outreach.campaign_brief import Brief
from outreach.campaign_preview import preview as foreseen
from outreach.campaigns import Campaign, CampaignState, Plan
from outreach.templates import Templates, load_templates

CLOCK = SystemClock()
FOLLOW_SECONDS = 1.0
SHOWN_REJECTIONS = 10


@dataclass(frozen=True, slots=True)
class Wish:
    """What the options of ``create`` and ``edit`` say; empty where they say nothing."""

    name: str
    text: str
    template: str
    kind: str
    subject: str
    at: str
    until: str
    rate: int
    also_opted_out: str
    csv: Path | None = None
    phone_column: str = "phone"
    query: str = ""
    values: tuple[str, ...] = ()
    region: str = "US"

    def of(
        self, csv: Path | None, phone_column: str, query: str, values: list[str], region: str
    ) -> Wish:
        """This, with who gets it."""
        if csv and query:
            raise Failure("Name --csv or --query, not both.")
        return replace(
            self,
            csv=csv,
            phone_column=phone_column,
            query=query,
            values=tuple(values),
            region=region,
        )


async def create(url: str, console: Console, wish: Wish, actor: str) -> None:
    """Make a campaign and show what was taken."""
    if not (wish.csv or wish.query):
        raise Failure("Say who gets it: --csv FILE or --query NAME.")
    plan = _plan(wish, None, load_settings())
    async with _open(url) as pool:
        with _counting(console) as told:
            campaign = await campaign_actions.create(
                pool, plan, _audience(pool, wish, plan), actor, CLOCK.now(), told
            )
    _show_taken(console, campaign)


async def edit(url: str, console: Console, wish: Wish, actor: str) -> None:
    """Change a campaign and show what was taken."""
    async with _open(url) as pool:
        async with pool.connection() as connection:
            old = await campaign_table.find(connection, wish.name)
        plan = _plan(wish, old.plan, load_settings())
        audience = _audience(pool, wish, plan) if wish.csv or wish.query else None
        with _counting(console) as told:
            campaign = await campaign_actions.edit(pool, plan, audience, actor, CLOCK.now(), told)
    _show_taken(console, campaign)


async def preview(url: str, console: Console, name: str) -> None:
    """Show what would become of each recipient."""
    settings = load_settings()
    async with _open(url) as pool:
        async with pool.connection() as connection:
            campaign = await campaign_table.find(connection, name)
            waiting = (await campaign_results.counts(connection, campaign)).get("pending", 0)
        with _bar(console, "looked at", waiting) as told:
            found = await foreseen(
                pool, settings.notices, settings.prices, campaign, CLOCK.now(), told
            )
    lines = [
        f"{name}, {campaign.plan.notice_class}, {campaign.state}. Nothing is sent.",
        f"{found.sent} of {found.recipients} recipients would get it.",
        *(f"{count} would not: {_why(code)}" for code, count in found.refused.most_common()),
    ]
    if found.held:
        lines.append(f"{found.held} would get it later than wanted, for the hours where they are.")
    if found.first_at and found.last_at:
        lines.append(f"From {_time(found.first_at)} to {_time(found.last_at)}, at the earliest.")
    cost = _money(found.prices, found.unpriced)
    lines.append(f"{found.texts} texts, {found.segments} segments, {cost}.")
    for number, body in enumerate(found.samples, 1):
        lines += ["", f"Sample {number}:", body]
    _print(console, "\n".join(lines))


async def approve(url: str, console: Console, name: str, actor: str) -> None:
    """Approve a campaign as it is."""
    async with _open(url) as pool:
        campaign = await campaign_actions.approve(pool, name, actor, CLOCK.now())
    more = missing_approvals(campaign)
    after = f"; {more} of {APPROVALS} approvals are missing" if more else ""
    _print(console, f"{actor} has approved version {campaign.version} of {name}{after}.")


async def start(url: str, console: Console, name: str, actor: str) -> None:
    """Start a campaign; workers hand its texts over."""
    async with _open(url) as pool:
        await campaign_actions.start(pool, name, actor, CLOCK.now())
    _print(console, f"{name} runs; `linnet campaign show {name}` follows it.")


async def pause(url: str, console: Console, name: str, actor: str) -> None:
    """Pause a campaign."""
    async with _open(url) as pool:
        back = await campaign_actions.pause(pool, name, actor, CLOCK.now())
    _print(console, f"{name} is paused; {back} texts that had not left were taken back.")


async def resume(url: str, console: Console, name: str, actor: str) -> None:
    """Let a campaign go on."""
    async with _open(url) as pool:
        await campaign_actions.resume(pool, name, actor, CLOCK.now())
    _print(console, f"{name} goes on.")


async def abort(url: str, console: Console, name: str, actor: str, why: str | None) -> None:
    """End a campaign."""
    async with _open(url) as pool:
        back = await campaign_actions.abort(pool, name, actor, CLOCK.now(), why)
    _print(console, f"{name} is aborted; {back} texts that had not left were taken back.")


async def show(url: str, console: Console, name: str, once: bool) -> None:
    """Show a campaign and follow it while it runs."""
    async with _open(url) as pool, pool.connection() as connection:
        campaign = await campaign_table.find(connection, name)
        _show_plan(console, campaign)
        for row in await campaign_table.history(connection, campaign.id):
            detail = f": {row['detail']}" if row["detail"] else ""
            line = f"{_time(row['at'])}  {row['actor']} {row['action']} (version {row['version']})"
            _print(console, f"{line}{detail}")
        found = await campaign_results.counts(connection, campaign)
        running = campaign.state is CampaignState.RUNNING
        if running and not once and console.is_terminal:
            with _bar(console, "handed over", sum(found.values())) as told:
                while campaign.state is CampaignState.RUNNING:
                    found = await campaign_results.counts(connection, campaign)
                    told(sum(found.values()) - found.get("pending", 0))
                    await asyncio.sleep(FOLLOW_SECONDS)
                    campaign = await campaign_table.find(connection, name)
        told_of = ", ".join(f"{count} {_why(what)}" for what, count in found.items())
        _print(console, f"{campaign.state}: {told_of or 'nobody'}")


async def show_all(url: str, console: Console) -> None:
    """List campaigns."""
    async with _open(url) as pool, pool.connection() as connection:
        campaigns = await campaign_table.find_all(connection)
    if not campaigns:
        _print(console, "There is no campaign yet: linnet campaign create")
        return
    table = Table("name", "class", "state", "recipients", "created by", box=None)
    for one in campaigns:
        taken = str(one.audience.get("taken", ""))
        table.add_row(one.plan.name, one.plan.notice_class, one.state, taken, one.created_by)
    console.print(table, highlight=False, markup=False)


async def results(url: str, console: Console, name: str, csv: Path | None) -> None:
    """Show what became of a campaign, or write it down for each recipient."""
    settings = load_settings()
    async with _open(url) as pool, pool.connection() as connection:
        campaign = await campaign_table.find(connection, name)
        found = await campaign_results.results(connection, campaign, settings.prices)
        if csv is not None:
            with csv.open("w", encoding="utf-8", newline="") as file:
                lines = await campaign_results.export(connection, campaign, file)
            _print(console, f"{csv} has {lines} lines.")
    lines_ = [
        f"{name} is {campaign.state}.",
        *(f"{count} {_why(what)}" for what, count in found.counts.items()),
        *(f"  {count} {fate}" for fate, count in sorted(found.fates.items())),
        *(f"    {count} failed with {code}" for code, count in sorted(found.failures.items())),
        f"{found.replied} replied, {found.opted_out} opted out, within three days.",
        f"{found.segments} segments, {_money(found.prices, 0)}.",
        *(f"Warning: {warning}." for warning in found.warnings),
    ]
    _print(console, "\n".join(lines_))


def _plan(wish: Wish, old: Plan | None, settings: Settings) -> Plan:
    """What is wanted; what is not said is as it was."""
    common = settings.common
    brief = Brief(
        text=wish.text,
        template=wish.template,
        kind=wish.kind,
        subject=wish.subject,
        starts=_moment(wish.at) if wish.at else None,
        expires_at=_moment(wish.until) if wish.until else None,
        per_minute=wish.rate or None,
        also_opted_out=wish.also_opted_out,
    )
    templates = load_templates(common=common) if wish.template else Templates({}, common)
    return brief.plan(wish.name, templates, old)


def _moment(written: str) -> datetime:
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        raise Failure(f"{written} is not a time like 2026-12-01T10:00 or ...T15:00Z.") from None


def _audience(pool: Pool, wish: Wish, plan: Plan) -> Audience:
    if wish.csv is not None:
        return CsvAudience(wish.csv, plan.needed, wish.phone_column, wish.region)
    queries = read_queries()
    if wish.query not in queries:
        raise Failure(f"audiences.yml has no {wish.query}; it has {', '.join(queries)}.")
    values = {}
    for pair in wish.values:
        name, equals, value = pair.partition("=")
        if not equals:
            raise Failure(f"{pair} is not like day=2026-12-24.")
        values[name] = value
    return QueryAudience(pool, queries[wish.query], values, plan.needed, wish.region)


def _show_taken(console: Console, campaign: Campaign) -> None:
    audience = campaign.audience
    lines = [f"{campaign.plan.name} is {campaign.state}: {audience['taken']} recipients."]
    if audience["duplicates"]:
        lines.append(f"{audience['duplicates']} rows had a phone that stood before.")
    if audience["rejected"]:
        lines.append(f"{audience['rejected']} rows were not taken:")
        shown = audience["rejections"][:SHOWN_REJECTIONS]
        lines += [f"  line {line}: {why}" for line, why in shown]
        if audience["rejected"] > len(shown):
            lines.append(f"  and {audience['rejected'] - len(shown)} more")
    lines.append(f"Look at it: linnet campaign preview {campaign.plan.name}")
    _print(console, "\n".join(lines))


def _show_plan(console: Console, campaign: Campaign) -> None:
    plan, audience = campaign.plan, campaign.audience
    source = audience.get("csv") or audience.get("query")
    starts = "at once"
    if plan.starts_at:
        starts = _time(plan.starts_at)
    elif plan.starts_on_clock:
        starts = f"{plan.starts_on_clock:%Y-%m-%d %H:%M} on each recipient's clock"
    lines = [
        f"{plan.name}: {plan.notice_class}, subject {plan.subject}, version {campaign.version}",
        plan.text,
        f"To {audience.get('taken', 0)} of {source}, {starts}, {plan.per_minute} a minute.",
    ]
    if plan.expires_at:
        lines.append(f"Nobody gets it from {_time(plan.expires_at)} on.")
    if plan.also_opted_out:
        lines.append(f"Also to phones that opted out: {plan.also_opted_out}")
    if campaign.approved_by:
        lines.append(f"Approved by {', '.join(campaign.approved_by)}.")
    _print(console, "\n".join(lines))


_WORDS = {
    "pending": "wait",
    "enqueued": "handed over",
    "withdrawn": "withdrawn",
    "notice.opted-out": "have opted out",
    "notice.no-consent": "have not agreed to advertising",
    "notice.consent-pending": "have not answered whether they want no more texts",
    "notice.unreachable": "have phones that get no texts",
    "campaign.expired": "would have got it too late",
    "campaign.no-hour": "may be in places that share no hour (linnet place)",
}


def _why(code: str) -> str:
    return _WORDS.get(code, code)


def _money(prices: Mapping[str, Decimal], unpriced: int) -> str:
    known = ", ".join(f"{price.normalize():f} {name}" for name, price in prices.items())
    if not known:
        return "prices are not configured"
    return f"{known}, without {unpriced} that have no price" if unpriced else known


def _time(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def _print(console: Console, told: str) -> None:
    console.print(told, highlight=False, markup=False, soft_wrap=True)


@asynccontextmanager
async def _open(url: str) -> AsyncIterator[Pool]:
    async with make_pool(url, max_size=2) as pool:
        yield pool


@contextmanager
def _counting(console: Console) -> Iterator[Callable[[Report], None]]:
    """A line that counts recipients as they are taken."""
    with console.status("0 recipients") as status:
        yield lambda report: status.update(f"{report.taken} recipients")


@contextmanager
def _bar(console: Console, what: str, total: int) -> Iterator[Callable[[int], None]]:
    columns: list[Any] = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
    ]
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total, rate="")

        def told(done: int) -> None:
            speed = progress.tasks[0].speed
            rate = f"{60 * speed:.0f}/min" if speed else ""
            progress.update(task, completed=done, rate=rate)

        yield told
