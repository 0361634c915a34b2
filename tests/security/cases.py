"""The negative cases of the security design that concern what exists, each with what must happen, and where it is tested.

A test says with ``@case("T03")`` which case it is of. Where another folder's tests already prove a case or a part of it, they are named here;
``test_coverage.py`` fails on a case without a test and on a test that is no longer there.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., object])


@dataclass(frozen=True)
class Case:
    """What is asked, what must happen, and tests of other folders that prove it."""

    asked: str
    expected: str
    proven_by: tuple[str, ...] = field(default=())


def case(*ids: str) -> Callable[[Test], Test]:
    """Mark a test as one of these cases."""
    unknown = set(ids) - set(CASES)
    if unknown:
        raise ValueError(f"There is no case {', '.join(sorted(unknown))}")
    return pytest.mark.case(*ids)


CORE, WORKSPACES, VISITORS = "tests/core/", "tests/workspaces/", "tests/visitors/"
CONVERSATIONS, PAGES, OPS = "tests/conversations/", "tests/pages/", "tests/ops/"
SOCKET, HUB, FILES = (
    f"{CORE}test_socket.py::test_",
    f"{CORE}test_hub.py::test_",
    f"{CONVERSATIONS}test_attachments.py::test_",
)
SESSIONS, SIGN_IN, ORIGINS = (
    f"{VISITORS}test_sessions.py::test_",
    f"{WORKSPACES}test_sessions.py::test_",
    f"{WORKSPACES}test_origins.py::test_",
)
SETTINGS, INBOX, CHANGES = (
    f"{WORKSPACES}test_settings.py::test_",
    f"{CONVERSATIONS}test_inbox.py::test_",
    f"{CONVERSATIONS}test_changes.py::test_",
)
PEOPLE, TOKENS = f"{WORKSPACES}test_user_sessions.py::test_", f"{WORKSPACES}test_tokens.py::test_"
ONCE = f"{CORE}test_idempotency.py::test_"
FACTORS, ASKED = f"{WORKSPACES}test_factors.py::test_", f"{WORKSPACES}test_factor_requirement.py::test_"
KEYS, SEATS = f"{WORKSPACES}test_keys.py::test_", f"{WORKSPACES}test_seats.py::test_"
VISITOR, MESSAGES = f"{VISITORS}test_visitors.py::test_", f"{CONVERSATIONS}test_messages.py::test_"

PROOF, MERGING = f"{VISITORS}test_proof.py::test_", f"{VISITORS}test_merging.py::test_"
MAIL_PROOF, LOCATION = f"{VISITORS}test_email_proof.py::test_", f"{VISITORS}test_location.py::test_"
ERASURE, BLOCKING = f"{VISITORS}test_erasure.py::test_", f"{VISITORS}test_blocking.py::test_"
ENVELOPE = f"{CORE}test_envelope.py::test_"
CHAIN, LOG = "tests/audit/test_chain.py::test_", "tests/audit/test_log.py::test_"
LIMITS, AUDIT, EDGES = f"{CORE}test_limits.py::test_", "tests/audit/test_audit.py::test_", f"{CORE}test_edges.py::test_"

CODES, PASSWORDS, INVITATIONS, SIGN_UP = (
    f"{WORKSPACES}test_{name}.py::test_" for name in ("codes", "passwords", "invitations", "sign_up")
)

CASES = {
    # Tenants and objects
    "T01": Case(
        "everyone calls everything on everybody's rows",
        "the access table, to the letter; 404 like for an id that never was",
    ),
    "T02": Case("lists with another workspace's id in path, query or header", "refused or ignored; none of its rows"),
    "T03": Case(
        "a child under another tenant's parent",
        "404, no row",
        (f"{MESSAGES}a_member_must_name_a_visitor_of_the_workspace_and_a_visitor_must_not",),
    ),
    "T04": Case("a workspace's id in a body", "400, nothing stored"),
    "T05": Case(
        "assigning to a member of another workspace, or a removed one",
        "400",
        (f"{CHANGES}only_a_member_who_may_answer_can_be_given_a_conversation",),
    ),
    "T06": Case(
        "a bulk change of one's own and another's conversation",
        "404, nothing changed",
        (f"{CHANGES}one_that_is_not_there_stops_the_whole_change",),
    ),
    "T07": Case(
        "one's own conversation with another's file",
        "400, nothing bound",
        (f"{FILES}a_file_belongs_to_whoever_uploaded_it_until_it_is_sent",),
    ),
    "T08": Case("another workspace's visitor by readable id", "404; not found by search"),
    "T09": Case("searching for another tenant's words on every surface", "not one hit"),
    "T10": Case("counters", "only one's own", (f"{INBOX}counters_of_one_workspace_know_nothing_of_another",)),
    "T12": Case("any statement within no workspace, or within another", "no row seen, written, changed or deleted"),
    "T13": Case("a row that points at another workspace's", "refused by its key, whoever writes it"),
    "T14": Case("a task that is told no workspace", "it sees nothing; what it writes is refused, and it is dead"),
    "T11": Case(
        "merging with another tenant's visitor, or without the right",
        "404; 403; nothing moves",
        (f"{MERGING}strangers_and_those_without_the_right_merge_nothing",),
    ),
    # Visitors' tokens
    "V01": Case(
        "every visitor endpoint without a token",
        "401",
        (f"{SESSIONS}without_a_token_no_endpoint_of_a_visitor_answers",),
    ),
    "V02": Case("a token on another visitor's conversation or file", "404"),
    "V03": Case(
        "a session id of one workspace in another",
        "somebody else",
        (f"{SESSIONS}one_session_id_is_another_visitor_in_another_workspace",),
    ),
    "V04": Case(
        "an expired or revoked token",
        "401 session_expired, at once, in every process",
        (
            f"{SESSIONS}unknown_expired_and_revoked_tokens_get_one_answer",
            f"{CORE}test_processes.py::test_a_token_revoked_in_one_process_opens_nothing_in_the_other",
        ),
    ),
    "V05": Case(
        "a token in an address or a cookie",
        "400 credential_in_url; in no log",
        (f"{SESSIONS}a_token_in_an_address_or_a_cookie_opens_nothing",),
    ),
    "V06": Case(
        "what doesn't look like a token",
        "401 without a query",
        (f"{SESSIONS}what_does_not_look_like_a_token_costs_no_query",),
    ),
    "V07": Case(
        "a visitor on members' endpoints, a member on visitors'",
        "403",
        (
            f"{SESSIONS}a_visitors_token_opens_nothing_that_is_a_members",
            f"{SESSIONS}a_members_cookie_opens_nothing_that_is_a_visitors",
        ),
    ),
    "V08": Case(
        "a cookie and a token together",
        "400 ambiguous_credentials",
        (f"{SESSIONS}two_credentials_in_one_request_are_one_too_many",),
    ),
    "V09": Case("identifying with no more than a visitor's id", "401, and 400 with a token"),
    "V10": Case(
        "a token's lifetime out of bounds",
        "400, clamped by the action",
        (
            f"{SETTINGS}a_session_lasts_between_an_hour_and_a_week",
            f"{SETTINGS}the_action_itself_clamps_a_lifetime_and_the_database_refuses_another",
        ),
    ),
    "V11": Case(
        "a visitor says what isn't a visitor's to say",
        "400, unchanged",
        (
            f"{VISITOR}an_update_of_what_is_not_the_visitors_to_say_is_refused",
            f"{LOCATION}what_a_client_says_about_its_location_is_refused",
        ),
    ),
    "V12": Case(
        "a blocked visitor boots, sends, connects",
        "403 blocked; 4403",
        (
            f"{SESSIONS}a_blocked_visitor_gets_no_further",
            f"{SOCKET}a_blocked_visitor_is_refused_as_such",
            f"{HUB}a_blocked_visitor_is_put_out",
            f"{BLOCKING}a_blocked_visitor_boots_sends_and_reads_nothing",
            f"{BLOCKING}a_blocked_visitors_sockets_close_and_none_opens",
        ),
    ),
    "V13": Case(
        "the database after boots", "no token in clear", (f"{SESSIONS}no_token_and_no_session_id_is_kept_in_clear",)
    ),
    # Identity and merging
    "ID01": Case(
        "a user's id without proof where proof is required",
        "403 identity_required, nothing stored",
        (
            f"{PROOF}required_refuses_an_unproven_id_and_nothing_is_stored",
            f"{PROOF}in_required_mode_anonymous_visitors_stay_anonymous_and_get_nothing_of_anybodys",
        ),
    ),
    "ID02": Case(
        "somebody's e-mail address, or their id without proof, in any mode",
        "somebody new; no history, no attributes; shown as unproven",
        (
            f"{PROOF}an_email_opens_nothing_in_any_mode",
            f"{PROOF}an_id_without_proof_never_reaches_who_was_proven",
            f"{PROOF}two_who_claim_one_id_stay_two",
            f"{MAIL_PROOF}a_claim_alone_opens_nothing_of_who_has_proven_the_address",
            f"{MAIL_PROOF}the_unproven_never_merge_into_the_proven",
            f"{MAIL_PROOF}a_code_opens_nothing_of_whom_the_server_has_proven",
            f"{MAIL_PROOF}where_ids_must_be_signed_codes_are_off_until_the_workspace_wants_them",
        ),
    ),
    "ID03": Case(
        "an id with another's hash, or a hash of another workspace",
        "403 and on record, which no flood fills",
        (
            f"{PROOF}a_hash_that_is_wrong_in_any_way_is_refused_and_put_on_record_once",
            f"{PROOF}a_flood_of_wrong_proofs_is_two_entries_in_an_hour",
        ),
    ),
    "ID04": Case(
        "a hash that is empty, null, cut, padded, or in another alphabet",
        "403",
        (f"{PROOF}a_hash_that_is_wrong_in_any_way_is_refused_and_put_on_record_once",),
    ),
    "ID05": Case(
        "any hash where verification is off",
        "taken, as unproven",
        (f"{PROOF}when_verification_is_off_any_hash_is_taken_for_none",),
    ),
    "ID06": Case(
        "the old secret after it was replaced, in its grace and after it; after it was revoked",
        "proves; 403; 403 and its sessions are dead",
        (
            f"{PROOF}a_replaced_secret_is_good_until_its_grace_is_over",
            f"{PROOF}a_revoked_secret_and_every_session_it_opened_are_dead_at_once",
        ),
    ),
    "ID07": Case(
        "another user proven in the same browser",
        "a session of their own; the first one's is dead; nothing moves",
        (
            f"{PROOF}a_browser_that_proves_somebody_else_leaves_the_first_ones_session_dead",
            f"{PROOF}a_token_of_one_user_cannot_become_anothers",
            f"{PROOF}the_browsers_secret_alone_does_not_bring_back_who_was_proven",
            f"{MAIL_PROOF}whom_the_server_proves_by_another_address_is_somebody_else",
        ),
    ),
    "ID08": Case(
        "tokens without algorithm, with a public key as secret, without or beyond exp, for others, with an unknown kid",
        "403 each",
        (f"{PROOF}a_token_that_is_wrong_in_any_way_is_refused",),
    ),
    "ID09": Case(
        "what was signed, contradicted by what isn't",
        "ignored; 400 where proof is required",
        (
            f"{PROOF}what_was_signed_nothing_unsigned_changes",
            f"{MAIL_PROOF}what_the_server_signed_no_code_replaces",
            f"{MAIL_PROOF}a_proven_address_is_changed_by_proof_and_not_by_what_a_page_says",
        ),
    ),
    "ID10": Case(
        "a token after logging out or withdrawing consent",
        "401; the browser keeps nothing",
        (
            f"{SESSIONS}ending_a_session_is_at_once_and_only_that_session",
            f"{ERASURE}withdrawn_means_removed",
        ),
    ),
    "ID11": Case(
        "reading a secret",
        "its last four characters; in clear on demand, on record, for owners and admins",
        (
            f"{PROOF}a_secret_is_shown_on_demand_alone_and_that_it_was_is_on_record",
            f"{PROOF}secrets_are_for_owners_and_admins_only",
        ),
    ),
    # Members' sessions
    "A01": Case(
        "six wrong passwords, then the right one, by API, page and admin",
        "refused with the time to wait",
        (f"{LIMITS}after_five_wrong_passwords_the_right_one_has_to_wait_too",),
    ),
    "A02": Case(
        "wrong password, unknown address, disabled account",
        "one answer",
        (
            f"{SIGN_IN}wrong_passwords_unknown_addresses_and_people_without_a_seat_get_one_answer",
            f"{SIGN_IN}an_unknown_address_costs_as_much_hashing_as_a_wrong_password",
        ),
    ),
    "A03": Case(
        "a link to a new password used twice, too late, replaced, made up, of a disabled account",
        "400, the password stays",
        (
            f"{PASSWORDS}a_link_sets_a_new_password_once",
            f"{PASSWORDS}a_link_is_good_for_an_hour",
            f"{PASSWORDS}a_new_link_ends_the_one_before",
            f"{PASSWORDS}what_is_no_link_opens_nothing",
            f"{PASSWORDS}a_disabled_account_gets_no_link_and_its_old_one_opens_nothing",
        ),
    ),
    "A04": Case(
        "sessions, tickets and sockets after a changed or new password",
        "401 at once; 4401 within 5 s; one's own session goes on after a change",
        (
            f"{PASSWORDS}who_knows_the_present_password_changes_it_and_stays",
            f"{PASSWORDS}a_new_password_by_mail_ends_every_session",
            f"{PASSWORDS}sockets_and_tickets_of_other_sessions_end_with_the_password",
            f"{SIGN_IN}a_changed_password_ends_every_session",
            f"{PEOPLE}a_new_password_ends_apps_too",
        ),
    ),
    "A05": Case(
        "asking for a new password under another host's name",
        "400, or a link to the configured host",
        (f"{PASSWORDS}the_link_leads_to_the_configured_host_whatever_the_request_said",),
    ),
    "A06": Case(
        "a password of 7 characters, a common one, the workspace's name, of 10 KB",
        "400; a phrase is fine",
        (
            f"{PASSWORDS}a_password_that_can_be_guessed_is_refused",
            f"{PASSWORDS}eight_characters_or_many_words_are_fine",
            f"{PASSWORDS}ones_own_address_or_name_is_no_password",
        ),
    ),
    "A07": Case(
        "keys, ownership, identity secrets and second factors without having proven lately who one is",
        "403 reauth_required, nothing changed",
        (
            f"{PEOPLE}what_is_sensitive_asks_again_who_this_is_after_ten_minutes",
            f"{SEATS}both_sides_prove_again_who_they_are",
            f"{FACTORS}factors_are_changed_by_whoever_has_proven_lately_who_they_are",
            f"{PROOF}a_secret_is_shown_and_revoked_by_whoever_has_proven_lately_who_they_are",
        ),
    ),
    "A08": Case(
        "the session's id before and after signing in",
        "differs",
        (
            f"{SIGN_IN}the_session_is_another_one_after_signing_in",
            f"{CODES}the_sessions_id_is_another_one_after_the_code",
            f"{FACTORS}the_sessions_id_is_another_one_at_each_step",
        ),
    ),
    "A09": Case(
        "signing out, then the old cookie or refresh token; a refresh token twice",
        "401; its whole session ends",
        (
            f"{SIGN_IN}signing_out_ends_the_session_on_the_server",
            f"{TOKENS}an_app_signs_out_by_its_refresh_token_or_its_access_token",
            f"{TOKENS}a_used_refresh_token_that_comes_again_ends_the_session_for_everybody",
        ),
    ),
    "A10": Case(
        "a session cookie or an access token that was never given, or is another's with one letter changed",
        "401",
        (f"{TOKENS}a_token_that_isn_t_one_of_ours_opens_nothing",),
    ),
    "A11": Case(
        "a session or token by password alone where everyone needs a second factor, by API, page and socket",
        "403 mfa_required and 4403 everywhere but enrolment",
        (
            f"{ASKED}after_that_nothing_opens_but_enrolment_for_sessions_and_tokens",
            f"{ASKED}pages_lead_to_enrolment",
            f"{ASKED}a_socket_is_closed_when_the_days_are_over_and_none_opens",
            f"{ASKED}those_who_were_there_have_seven_days",
            f"{ASKED}api_keys_go_on_working",
            f"{FACTORS}whoever_has_a_factor_is_asked_for_it_before_a_session_begins",
        ),
    ),
    # One-time codes
    "O01": Case(
        "five wrong codes, then the right one",
        "401, the code is dead; after four it is taken",
        (
            f"{CODES}after_five_wrong_codes_the_right_one_is_refused",
            f"{CODES}after_four_wrong_codes_the_right_one_is_taken",
        ),
    ),
    "O02": Case(
        "the right code twice, or by four at once",
        "once",
        (f"{CODES}a_code_is_good_once", f"{CODES}of_two_who_enter_one_code_at_once_one_gets_in"),
    ),
    "O03": Case("a code after ten minutes", "401", (f"{CODES}a_code_is_good_for_ten_minutes",)),
    "O04": Case("a code after another was asked for", "401", (f"{CODES}a_new_code_ends_the_one_before",)),
    "O05": Case(
        "more codes than an address or a client may have",
        "the same answer, no mail",
        (
            f"{CODES}the_fourth_code_within_a_quarter_of_an_hour_is_not_sent",
            f"{LIMITS}over_a_silent_limit_nothing_is_done_and_nothing_is_said",
        ),
    ),
    "O06": Case(
        "a code for an unknown or disabled address, or where signing up is closed",
        "the same answer and the same work; no account",
        (
            f"{CODES}who_may_not_use_a_code_gets_no_mail_and_the_same_answer",
            f"{CODES}asking_costs_the_same_whoever_has_the_address",
            f"{SIGN_UP}where_signing_up_is_closed_no_code_is_sent_and_nobody_can_tell",
        ),
    ),
    "O07": Case(
        "codes in other digits, as numbers, as lists, with spaces",
        "400, no try lost; spaces around are left out",
        (f"{CODES}what_is_no_code_is_invalid_and_no_try",),
    ),
    "O08": Case(
        "the database, the effects and the logs after a code, a link, an invitation",
        "none of them in clear",
        (
            f"{CODES}no_code_is_kept_in_clear_anywhere",
            f"{INVITATIONS}no_link_is_kept_in_clear",
            f"{CORE}test_mail.py::test_neither_the_effect_nor_a_log_says_what_a_mail_says_or_to_whom",
        ),
    ),
    # What is mailed
    "M01": Case(
        "line breaks in the names that a mail says",
        "one message, its headers intact",
        (f"{INVITATIONS}a_mail_says_names_as_they_are_and_nothing_else",),
    ),
    "M02": Case(
        "two addresses in one, one with a header behind it, one with a name",
        "400, no mail",
        (f"{INVITATIONS}an_invitation_goes_to_one_plain_address",),
    ),
    "X10": Case(
        "markup in the names that a mail says",
        "escaped in HTML, plain in the text and the subject",
        (f"{INVITATIONS}a_mail_says_names_as_they_are_and_nothing_else",),
    ),
    # API keys
    "E01": Case(
        "a key without the scope, expired, revoked, of another workspace",
        "403, 401, 401, 404",
        (
            f"{KEYS}a_scope_opens_what_it_says_and_nothing_else",
            f"{KEYS}a_key_ends_by_its_day_by_being_revoked_and_with_its_maker",
            f"{KEYS}a_key_sees_its_own_workspace_only",
        ),
    ),
    "E02": Case(
        "a key after it was made",
        "shown no more",
        (f"{KEYS}a_key_is_made_with_scopes_shown_once_and_kept_as_a_hash",),
    ),
    "E03": Case(
        "one Idempotency-Key with other content, at another address, one that can't be one",
        "409, 409, 400",
        (
            f"{ONCE}other_content_or_another_address_under_the_same_key_is_refused",
            f"{ONCE}a_key_that_can_t_be_one_is_refused",
        ),
    ),
    "E04": Case(
        "one Idempotency-Key twice at once",
        "done once, both are answered",
        (f"{ONCE}of_two_that_come_at_once_one_is_done_and_both_are_answered",),
    ),
    # Roles and invitations
    "R01": Case(
        "every handler as every role",
        "what the access table says",
        ("tests/security/test_matrix.py::test_everyone_gets_what_the_access_table_promises",),
    ),
    "R02": Case("one's own role", "403", (f"{SEATS}nobody_changes_or_removes_themselves",)),
    "R03": Case(
        "making somebody an owner or inviting them as one; changing or removing one",
        "403 or 400, nothing changed",
        (
            f"{SEATS}who_may_give_which_role_to_whom",
            f"{INVITATIONS}nobody_is_invited_as_owner_or_as_what_there_is_not",
        ),
    ),
    "R04": Case(
        "granting what one doesn't hold, also by an invitation; a permission that is none",
        "403; 400",
        (
            f"{SEATS}nobody_grants_what_they_don_t_hold",
            f"{KEYS}nobody_gives_a_key_what_they_don_t_hold",
            f"{INVITATIONS}an_invitation_is_never_above_the_inviter",
        ),
    ),
    "R07": Case(
        "an invitation used twice, after a week, after it was taken back or sent again, by a former admin",
        "404",
        (
            f"{INVITATIONS}a_link_is_good_once",
            f"{INVITATIONS}a_link_is_good_for_a_week",
            f"{INVITATIONS}what_was_taken_back_opens_nothing",
            f"{INVITATIONS}sending_again_makes_a_new_link_and_ends_the_old_one",
            f"{INVITATIONS}who_has_lost_the_seat_leaves_no_invitation_behind",
        ),
    ),
    "R08": Case(
        "an invitation's token empty, made up, of another kind, another workspace's",
        "404",
        (
            f"{INVITATIONS}what_is_no_link_opens_nothing",
            f"{INVITATIONS}another_workspaces_invitation_is_not_there",
        ),
    ),
    "R09": Case(
        "saying where an invitation leads",
        "400; the link is ours",
        (f"{INVITATIONS}nobody_says_where_an_invitation_leads",),
    ),
    "R10": Case(
        "inviting somebody who has an account",
        "no seat until they accept, and nobody else can",
        (
            f"{INVITATIONS}who_has_an_account_is_no_member_until_they_accept",
            f"{INVITATIONS}another_account_cannot_accept",
        ),
    ),
    "R11": Case(
        "joining by a domain that looks like the allowed one, by a subdomain, unproven",
        "refused each; the very domain, proven, joins",
        (
            f"{SIGN_UP}another_domain_joins_nothing",
            f"{SIGN_UP}an_unproven_address_of_the_domain_joins_nothing",
            f"{SIGN_UP}a_proven_address_of_an_allowed_domain_joins_as_agent",
        ),
    ),
    "R12": Case(
        "the 21st invitation of a new workspace in a day",
        "429, no mail",
        (f"{INVITATIONS}a_new_workspace_invites_twenty_a_day", f"{INVITATIONS}one_of_a_week_invites_more"),
    ),
    "R13": Case(
        "a removed or deactivated member's cookie, API key, token and open socket",
        "401 at once; 4401 within 5 s",
        (
            f"{SEATS}a_removed_member_is_out_everywhere_at_once",
            f"{KEYS}a_key_ends_by_its_day_by_being_revoked_and_with_its_maker",
        ),
    ),
    # Browsers
    "S01": Case(
        "a write by cookie without or with a wrong CSRF token, or as a form",
        "403 or 415",
        (
            f"{SIGN_IN}a_write_by_cookie_needs_the_token_of_its_own_session",
            f"{SIGN_IN}json_in_the_clothes_of_a_form_is_not_read",
        ),
    ),
    "S02": Case(
        "a change by GET, HEAD or a method in a header",
        "405, ignored",
        (f"{SIGN_IN}a_method_written_into_a_header_is_ignored",),
    ),
    "S03": Case(
        "no origin, null, or an evil one", "403, not readable", (f"{ORIGINS}another_page_neither_boots_nor_reads",)
    ),
    "S04": Case(
        "origins that look like the allowed one",
        "403",
        (f"{ORIGINS}another_page_neither_boots_nor_reads", f"{ORIGINS}a_living_token_opens_nothing_on_another_page"),
    ),
    "S05": Case(
        "an empty list of origins",
        "nobody; any origin is a switch of its own",
        (
            f"{ORIGINS}with_an_empty_list_no_page_is_allowed",
            f"{SETTINGS}any_origin_is_a_switch_of_its_own_and_on_record",
        ),
    ),
    "S06": Case(
        "an answer to a member, asked from another site",
        "never readable, never with credentials; varies by origin",
        (f"{ORIGINS}no_cookie_of_a_member_is_readable_from_another_site",),
    ),
    "S07": Case("framing a page of ours", "only from our own"),
    "S08": Case(
        "the headers of every kind of answer in a deployment", "HSTS, nosniff, CSP without unsafe, cookies __Host-"
    ),
    # Sockets
    "W01": Case(
        "a handshake from a null origin; a hello from a foreign page",
        "403; 4403",
        (
            f"{SOCKET}an_opaque_origin_is_refused_before_the_handshake_ends",
            f"{SOCKET}a_token_is_refused_on_a_page_that_may_not_run_the_messenger",
        ),
    ),
    "W02": Case(
        "no hello, or something before it",
        "4401",
        (f"{SOCKET}who_says_nothing_for_five_seconds_is_let_go", f"{SOCKET}nothing_is_answered_before_the_greeting"),
    ),
    "W03": Case(
        "a token in the socket's address",
        "refused, in no log",
        (f"{SOCKET}a_credential_in_the_address_is_refused_before_the_handshake_ends",),
    ),
    "W04": Case(
        "a visitor subscribes to what isn't its own",
        "an error, never a frame",
        (f"{SOCKET}a_visitor_cannot_subscribe_to_anything_of_others",),
    ),
    "W05": Case(
        "a member of another workspace subscribes",
        "the same",
        (f"{SOCKET}an_agent_of_another_workspace_hears_nothing",),
    ),
    "W06": Case(
        "what a visitor's socket says",
        "nothing of notes, assignments, addresses",
        (f"{SOCKET}a_visitor_sees_nothing_but_what_a_visitor_may_see",),
    ),
    "W07": Case(
        "rights end while a socket is open",
        "4401 within 5 s",
        (
            f"{HUB}a_removed_member_hears_nothing_more_and_the_socket_closes",
            f"{HUB}a_token_that_expires_closes_its_socket",
        ),
    ),
    "W08": Case(
        "too long a frame, too many frames, too many subscriptions",
        "4400, 4429, an error",
        (
            f"{SOCKET}the_sixty_first_frame_within_ten_seconds_closes_the_socket",
            f"{SOCKET}subscriptions_are_limited_and_one_may_take_anothers_place",
        ),
    ),
    "W09": Case(
        "binary, not UTF-8, not JSON, deep, unknown",
        "4400, the process lives",
        (
            f"{SOCKET}a_bad_frame_closes_its_socket_and_disturbs_no_other",
            f"{CORE}test_processes.py::test_a_live_process_survives_frames_that_make_no_sense",
        ),
    ),
    "W10": Case(
        "a tell with fields it hasn't",
        "an error",
        (f"{SOCKET}telling_something_that_makes_no_sense_is_an_error_frame",),
    ),
    "W11": Case(
        "one socket too many",
        "the oldest closes with 4409",
        (f"{SOCKET}a_visitors_sixth_socket_replaces_the_oldest", f"{SOCKET}a_members_sockets_are_limited_too"),
    ),
    "W12": Case(
        "a ticket used twice, too late, or elsewhere",
        "4401",
        (
            f"{SOCKET}a_ticket_opens_one_socket_and_no_second",
            f"{SOCKET}a_ticket_is_good_for_thirty_seconds",
            f"{SOCKET}a_ticket_is_good_on_pages_of_our_own_only",
        ),
    ),
    # Content
    "X01": Case("forty ways to be markup, as messages", "text, on every surface"),
    "X02": Case("Markdown links and pictures that lead to them", "no link, no picture"),
    "X04": Case("the same as name, attribute, page, referrer, device", "text; only http and https become links"),
    "X05": Case(
        "the same as a file's name",
        "text; the download's header is one line",
        (f"{FILES}a_name_is_shown_cleaned_and_never_a_path",),
    ),
    "X07": Case("the same as the messenger's colours, addresses and words", "400, or text"),
    # Files
    "U01": Case(
        "a file that isn't what its name says", "typed by content, or 415", (f"{FILES}a_file_is_what_its_content_says",)
    ),
    "U02": Case(
        "pages, scripts and pictures with scripts", "415, not kept", (f"{FILES}anything_else_is_refused_and_not_kept",)
    ),
    "U03": Case(
        "too large, empty, too many",
        "413, 415, 400",
        (f"{FILES}a_file_has_at_most_ten_megabytes", f"{FILES}a_body_that_says_it_is_too_large_is_not_read"),
    ),
    "U04": Case(
        "names that are paths", "a random key; cleaned to show", (f"{FILES}a_name_is_shown_cleaned_and_never_a_path",)
    ),
    "U05": Case(
        "downloading with no, another's or an old address",
        "404",
        (
            f"{FILES}an_address_opens_its_file_for_five_minutes",
            f"{FILES}an_address_that_was_tampered_with_opens_nothing",
            f"{FILES}the_dashboard_opens_files_by_cookie_and_nobody_else_does",
        ),
    ),
    "U06": Case("opening a served file", "attachment, nosniff, sandbox", (f"{FILES}a_file_is_never_a_page",)),
    "U07": Case(
        "pictures that are bombs or damaged",
        "415 by the header alone",
        (f"{FILES}a_picture_that_unpacks_into_a_bomb_is_refused_by_its_header",),
    ),
    "U08": Case(
        "a file of another's, expired, used, or raced for",
        "400; one gets it",
        (f"{FILES}a_file_is_sent_once", f"{FILES}of_two_messages_that_race_for_a_file_one_gets_it"),
    ),
    "U09": Case("more files than an hour allows", "429", (f"{LIMITS}every_rate_is_tried",)),
    "U10": Case(
        "a picture with a place in it",
        "only its pixels are kept",
        (f"{FILES}a_picture_tells_nothing_but_its_pixels",),
    ),
    # Parsing
    "Q01": Case("every field of every model, posted to every write", "400, nothing changed"),
    "Q02": Case("fields of other types", "400"),
    "Q03": Case("limits and cursors out of bounds", "400"),
    "Q04": Case("parameters that a list doesn't have", "400"),
    "Q05": Case(
        "signs of SQL and LIKE in searches",
        "taken literally",
        (
            f"{INBOX}a_search_finds_words_in_messages_notes_and_people_and_nothing_by_signs",
            f"{VISITOR}a_search_finds_the_words_and_takes_everything_else_literally",
        ),
    ),
    "Q08": Case(
        "text too long, or made of marks; names that turn the line",
        "400; isolated when shown",
        (f"{MESSAGES}a_message_that_makes_no_sense_is_refused",),
    ),
    "Q09": Case("another charset, a packed body", "415"),
    "Q10": Case("too many fields, files, bytes, levels", "400 or 413"),
    # Requests that we make
    "N01": Case(
        "an address of a private network, written in every way or behind a name", "refused; nobody is connected to"
    ),
    "N02": Case("other schemes and ports", "refused; nobody is connected to"),
    "N03": Case("an answer that leads elsewhere", "returned as it is; nothing is followed"),
    "N04": Case("an answer that drips, never ends, or never comes", "cut within the limits"),
    "N06": Case("addresses that two programs read differently", "refused; nobody is connected to"),
    "N08": Case("what a request says of itself", "no request of ours"),
    "N09": Case("an HTTP client anywhere but in the one way out", "the suite fails"),
    # Webhooks that come in
    "H01": Case("no signature, nonsense, or another secret's", "401, nothing stored"),
    "H02": Case("a time five minutes off, or none", "401"),
    "H03": Case("the body changed by one space, or written anew", "401"),
    "H04": Case("the same message again, also at the same time", "200, one effect"),
    "H05": Case("no secret", "nobody is believed"),
    "H06": Case("a body too large, of another type, too many", "413, 415, 429, unread"),
    "H07": Case("a message about nothing we know", "200, the same answer"),
    "H08": Case("two secrets while one replaces the other, then one", "200; then 401"),
    # Limits
    "L01": Case(
        "each limit and one more",
        "429 with Retry-After; afterwards it works",
        (
            f"{LIMITS}a_limit_lets_its_number_through_and_refuses_the_next_for_as_long_as_it_says",
            f"{LIMITS}every_rate_is_tried",
            f"{LIMITS}what_is_refused_is_not_done",
            f"{LIMITS}what_one_may_do_in_a_day_is_limited",
            f"{LIMITS}a_day_has_the_numbers_of_the_design",
            f"{LIMITS}a_flood_of_new_browsers_is_refused_and_whoever_was_here_before_gets_in",
        ),
    ),
    "L02": Case(
        "the same with Redis gone",
        "closed ones are counted in Postgres, open ones by each process",
        (
            f"{LIMITS}without_redis_a_limit_still_holds",
            f"{LIMITS}what_lets_people_in_stays_closed_without_redis_and_what_lets_them_talk_stays_open",
        ),
    ),
    "L04": Case(
        "does an address have an account? asked of the sign-in, codes, new passwords, signing up, inviting",
        "one answer, the same work",
        (
            f"{SIGN_IN}an_unknown_address_costs_as_much_as_a_wrong_password",
            f"{CODES}asking_costs_the_same_whoever_has_the_address",
            f"{CODES}a_wrong_code_costs_the_same_whether_there_is_one",
            f"{PASSWORDS}asking_is_answered_and_costs_the_same_whoever_has_the_address",
            f"{SIGN_UP}who_has_an_account_signs_in_by_signing_up",
            f"{SIGN_UP}who_signs_up_with_anothers_address_neither_keeps_it_from_them_nor_shares_it",
        ),
    ),
    # Data
    "D01": Case("secrets and words through real processes", "not one in their logs"),
    "D02": Case(
        "an error in every handler",
        "a bare 500 with the request's id",
        (f"{EDGES}an_error_that_nobody_foresaw_says_nothing_but_its_id",),
    ),
    "D03": Case(
        "each audited action",
        "one entry, who, what, nothing secret; none if it fails",
        (
            f"{AUDIT}an_audited_action_is_written_down_once_with_who_and_what",
            f"{AUDIT}an_action_that_is_undone_was_never_written_down",
        ),
    ),
    "D04": Case(
        "an entry that can't be written", "the action fails", (f"{AUDIT}what_cannot_be_written_down_is_not_done",)
    ),
    "D05": Case(
        "changing or deleting entries",
        "refused by the database",
        (f"{AUDIT}the_database_changes_and_deletes_no_entry", f"{AUDIT}the_models_own_ways_are_refused_too"),
    ),
    "D06": Case(
        "an entry changed, deleted or slipped in by whoever owns the database",
        "the check names the first bad one",
        (
            f"{CHAIN}a_changed_entry_is_named",
            f"{CHAIN}a_deleted_entry_is_named",
            f"{CHAIN}an_entry_that_was_deleted_with_its_seal_is_missed",
            f"{CHAIN}a_chain_that_nobody_touched_holds",
        ),
    ),
    "D07": Case(
        "a copy of one visitor",
        "only theirs, every table; opens once, within a day; on record",
        (
            f"{ERASURE}a_copy_has_everything_of_the_visitor_and_nothing_of_anybody_else",
            f"{ERASURE}a_link_opens_once_and_only_by_its_button",
            f"{ERASURE}a_link_ends_after_a_day",
            f"{ERASURE}a_large_copy_is_prepared_in_steps_and_is_whole",
            f"{ERASURE}a_copy_that_is_cut_off_is_taken_up_where_it_was",
            f"{ERASURE}a_prepared_copy_goes_with_its_visitor_and_with_its_day",
        ),
    ),
    "D08": Case(
        "erasing a visitor",
        "404 everywhere; no column and no file has a word of them; a receipt; the log's chain holds",
        (
            f"{ERASURE}after_an_erasure_no_column_and_no_file_has_a_word_of_the_visitor",
            f"{ERASURE}what_is_erased_is_a_404_for_everybody_and_its_token_is_dead",
            f"{ERASURE}the_audit_log_keeps_what_was_done_without_the_name_and_its_chain_holds",
            f"{ERASURE}a_large_visitor_is_erased_in_steps_and_nothing_is_left",
            f"{ERASURE}an_erasure_that_is_cut_off_is_taken_up_where_it_was",
            f"{ERASURE}kept_answers_about_the_visitor_go_and_those_about_others_stay",
            f"{ERASURE}only_who_may_erase_or_export_sees_how_far_it_is",
        ),
    ),
    "D09": Case(
        "a table that the map of personal data doesn't name",
        "the tests fail",
        (
            f"{ERASURE}every_table_of_ours_says_what_it_holds_of_a_person",
            f"{ERASURE}a_table_that_nobody_declared_is_noticed",
            f"{ERASURE}what_points_at_a_visitor_is_in_the_map_and_goes_with_them",
        ),
    ),
    "R05": Case(
        "everything that changes something, as a viewer",
        "403 each, nothing changed",
        ("tests/security/test_matrix.py::test_everyone_gets_what_the_access_table_promises",),
    ),
    "R06": Case(
        "an agent reads the audit log or takes a copy",
        "403, nothing happens",
        (f"{LOG}only_owners_and_admins_read_or_take_a_copy",),
    ),
    "X12": Case("names that a spreadsheet would run", "no cell is a formula", (f"{LOG}no_cell_is_a_formula",)),
    "D11": Case("what a browser keeps of answers", "no-store"),
    "D12": Case("line breaks and colours in what is logged", "one line"),
    # Configuration
    "K01": Case(
        "starting a deployment with debugging, a weak secret, any host, test settings",
        "it doesn't start",
        (f"{OPS}test_deployment.py::test_no_process_starts_without_a_secret_of_its_own",),
    ),
    "K02": Case(
        "check --deploy",
        "no issue",
        (
            f"{OPS}test_deployment.py::test_the_deployment_s_settings_pass_django_s_own_check",
            f"{AUDIT}an_audited_action_is_written_down_once_with_who_and_what",
            f"{AUDIT}an_action_that_is_undone_was_never_written_down",
        ),
    ),
    "K03": Case(
        "the database's secrets without the key",
        "ciphertext or hash only",
        (
            f"{ENVELOPE}the_database_alone_tells_nothing",
            f"{ENVELOPE}a_secret_that_is_put_into_another_row_opens_nothing",
            f"{PROOF}a_secret_is_nowhere_in_clear",
            f"{KEYS}a_key_is_made_with_scopes_shown_once_and_kept_as_a_hash",
            f"{TOKENS}no_token_is_kept_in_clear",
            f"{FACTORS}neither_the_secret_nor_a_recovery_code_is_kept_in_clear",
        ),
    ),
    "K04": Case(
        "another key for secrets at rest",
        "everything stays readable, the old key can go",
        (
            f"{ENVELOPE}rotation_lets_the_old_key_go",
            f"{ENVELOPE}rotation_without_the_key_that_is_needed_changes_nothing_and_says_which",
        ),
    ),
    "K05": Case("addresses that others have", "absent, or not public"),
    # Single sign-on
    "SO01": Case("an id token unsigned, signed by others, by the public key as a secret, or changed", "403, nobody in"),
    "SO02": Case("an id token for another client, or for several without saying which asked", "403, nobody in"),
    "SO03": Case("an id token of another issuer, nonce or time, or about nobody", "403, nobody in"),
    "SO04": Case(
        "an id token by a key that isn't known, is too short, or is new", "asked for anew, seldom; 503 without it"
    ),
    "SO05": Case("a state replayed, stolen, unknown, doubled or old", "400, nobody in"),
    "SO06": Case("a code of another browser's sign-in", "refused by PKCE and nonce"),
    "SO07": Case("one provider's answer in another's place (mix-up), or after a change", "400 or 403, nobody in"),
    "SO08": Case("a sign-in that leads elsewhere afterwards", "to the inbox"),
    "SO09": Case("a provider that vouches for the address of somebody's account", "not linked, not signed in"),
    "SO10": Case("joining by an unverified address, another domain, or as more than an agent", "403; 400 at set-up"),
    "SO11": Case("one workspace's provider as a way into another, or to what needs a confirmed session", "422; 403"),
    "SO12": Case("linking without having asked, unconfirmed, or what is somebody else's", "not linked"),
    "SO13": Case("passwords and codes where only single sign-on is allowed", "refused everywhere, but to owners"),
    "SO14": Case(
        "an invitation by a provider that vouches for another address, or another workspace's", "403, no seat"
    ),
    "SO15": Case("the client's secret: read back, or sent to another issuer", "never; the secret is asked for"),
    "SO16": Case("a provider or an endpoint in our own network, or that isn't https", "refused, no connection"),
    "SO17": Case("asking which provider an address has", "the same whether it has an account"),
    "SO18": Case("userinfo about somebody else", "403, nobody in"),
}

CATALOGUE = {
    "T": 16, "V": 13, "ID": 11, "A": 11, "O": 8, "R": 13, "S": 9, "W": 13, "X": 15, "U": 11, "J": 6, "N": 9, "M": 11, "H": 8, "E": 8,
    "Q": 13, "L": 6, "G": 12, "D": 12, "K": 8,
    "SO": 18,
}  # fmt: skip
"""How many cases of each kind the design names, numbered from 1."""

ABSENT = {
    "J": "Nothing is imported.",
    "M": "No mail comes in, and none goes out but to people about their own way in.",
    "E": "No webhooks go out.",
    "G": "No AI answers.",
    "T15": "No answer is conditional or cached: authenticated ones are `no-store`.",
    "T16": "Every table of tenants says whose a row is, and the database refuses one that doesn't.",
    "S09": "Nothing is told to the public but what the boot answers, which the API's description lists and a test compares.",
    "W13": "Half-open handshakes are the proxy's and the kernel's to limit; a socket that doesn't say who it is ends after five seconds (W02).",
    "X03": "There are no articles.",
    "X06": "Nothing is shown on customers' pages but the messenger.",
    "X08": "There is no help centre.",
    "X09": "No mail comes in.",
    "X11": "Nothing is embedded in a script: pages have none inline.",
    "X13": "Nothing is pushed.",
    "X14": "There are no tours.",
    "X15": "What people wrote is rendered anew each time it is shown.",
    "U11": "No scanner can be configured.",
    "N05": "The one test there is says of a provider what it is, never what it answered (SO16).",
    "N07": "There is no AI whose address could be set.",
    "Q06": "Nobody gives us a regular expression.",
    "Q07": "There are no rules of users.",
    "Q11": "The one time that can be set is a snooze's, checked with its field.",
    "Q12": "The one export is streamed in pieces, each a query of its own.",
    "Q13": "Races are tested where they can happen: messages, counters, files, tickets.",
    "L03": "Measured by `make chaos` and `make bench`, not by a test with a stopwatch.",
    "L05": "Keys are UUIDv7, and what opens something is a token or a signature.",
    "L06": "Nothing is sent to many.",
    "D10": "Nothing is kept for a time but the audit log, whose retention is tested with it.",
    "K06": "Celery takes JSON alone, by its settings.",
    "K07": "Done where images are built.",
    "K08": "The embedded services listen on no port; others are their operators'.",
}
"""Why a case of the design has no test here: by its id, or by its kind where none of that kind concerns what exists."""


def catalogue() -> list[str]:
    """Return the ids of every case of the design."""
    return [f"{kind}{number:02}" for kind, count in CATALOGUE.items() for number in range(1, count + 1)]


def reason(id_: str) -> str:
    """Return why a case has no test; empty where nobody has said."""
    return ABSENT.get(id_) or ABSENT.get(id_.rstrip("0123456789"), "")


def proofs() -> dict[str, list[str]]:
    """Return which tests prove each case: those marked with it in this folder, and those that it names in others."""
    found: dict[str, list[str]] = {id_: [] for id_ in CASES}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            for mark in function.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "case":
                    for argument in mark.args:
                        found[ast.literal_eval(argument)].append(f"tests/security/{path.name}::{function.name}")
    return {id_: [*tests, *CASES[id_].proven_by] for id_, tests in found.items()}
