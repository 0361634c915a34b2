"""REST: an account and a workspace for who is new, and a new password by mail; as the pages do."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import limits
from apps.core.access import allow
from apps.core.api import APIView, Input
from apps.core.errors import Conflict, Invalid
from apps.core.network import request_address
from apps.core.shapes import answer
from apps.workspaces import beginnings, codes, entry, invitations, passwords, sign_up
from apps.workspaces.accounts_api import AddressInput, CodeInput
from apps.workspaces.api import session_item
from apps.workspaces.beginnings import NEW_WORKSPACE
from apps.workspaces.models import Invitation, Member, SignInCode, SignInMethod, User
from apps.workspaces.shapes import CodeSentShape
from apps.workspaces.sign_up_shapes import BegunShape, PlaceShape, PlacesShape, ProvenShape

Purpose = SignInCode.Purpose


class SignUpCodes(APIView):
    """Codes by mail that prove a new address."""

    @extend_schema(request=AddressInput, responses={202: answer(CodeSentShape)})
    @allow(public=True)
    def post(self, request: Request) -> Response:
        """Have a code mailed to begin with. The answer is the same whether somebody has this address or not."""
        email, address = self.checked(AddressInput)["email"], request_address(request._request)
        limits.spend(limits.SIGN_UPS, limits.address_subject(address))
        codes.request_code(email, Purpose.SIGN_UP, client_address=address)
        return Response({"expires_in": limits.CODE_SECONDS}, status=202)


def place_item(id_: str, place: Any) -> PlaceShape:
    """Return one place to begin: an invitation, a workspace that is open to the domain, or a new one."""
    if place is None:
        return {"id": id_, "kind": "new", "workspace": None, "role": "owner"}
    if isinstance(place, Invitation):
        return {"id": id_, "kind": "invitation", "workspace": place.workspace.name, "role": place.role}
    return {"id": id_, "kind": "domain", "workspace": place.name, "role": Member.Role.AGENT}


def places_item(email: str) -> PlacesShape:
    found = beginnings.places(email)
    is_known = beginnings.account_of(email) is not None
    return {"email": email, "has_account": is_known, "places": [place_item(*each) for each in found.items()]}


class SignUpProof(APIView):
    """Proving a new address."""

    answers_secrets: ClassVar[bool] = True

    @extend_schema(request=CodeInput, responses=answer(ProvenShape))
    @allow(public=True)
    def post(self, request: Request) -> Response:
        """Prove the address by the code. Whoever has an account is signed in; anybody else learns where they can begin."""
        data = self.checked(CodeInput)
        email = data["email"].strip().lower()
        try:
            entry.prove_address(request._request, email, data["code"], Purpose.SIGN_UP)
            user = User.objects.filter(email=email, is_active=True).first()
            if user is None:
                raise entry.NoSeat
            member = entry.enter(request._request, user, SignInMethod.CODE)
        except entry.CodeRefused as refused:
            raise exceptions.AuthenticationFailed(str(refused), "code_refused") from None
        except entry.MethodRefused:
            raise exceptions.AuthenticationFailed("Sign in by password.", "password_required") from None
        except entry.NoSeat:
            return Response({"session": None, "beginning": places_item(email)})
        return Response({"session": session_item(request._request, member), "beginning": None})


class BeginningInput(Input):
    place = serializers.CharField(max_length=40, default=NEW_WORKSPACE, help_text="The id of one of the places.")
    workspace = serializers.CharField(max_length=limits.NAME_CHARACTERS, default="", allow_blank=True)
    name = serializers.CharField(max_length=limits.NAME_CHARACTERS, default="", allow_blank=True)
    password = serializers.CharField(
        max_length=limits.PASSWORD_CHARACTERS, default="", allow_blank=True, trim_whitespace=False
    )


class SignUp(APIView):
    """Beginning, with an address that this client has just proven."""

    answers_secrets: ClassVar[bool] = True

    @extend_schema(responses=answer(PlacesShape))
    @allow(public=True)
    def get(self, request: Request) -> Response:
        """Return where whoever has proven their address can begin."""
        return Response(places_item(_proven(request)))

    @extend_schema(request=BeginningInput, responses={201: answer(BegunShape)})
    @allow(public=True)
    def post(self, request: Request) -> Response:
        """Make the account and take the seat; all of it or nothing. Without a session in the answer, sign in as the workspace asks."""
        email, data = _proven(request), self.checked(BeginningInput)
        places, user = beginnings.places(email), beginnings.account_of(email)
        _check(data, places, user)
        try:
            member = beginnings.begin(email, user, places[data["place"]], data)
        except ValidationError as error:
            raise serializers.ValidationError({"password": error.messages}) from error
        except sign_up.AddressTaken as error:
            raise Conflict("This address has an account meanwhile. Sign in with it.", "address_taken") from error
        except (sign_up.Closed, invitations.Ended) as error:
            raise serializers.ValidationError({"place": ["This isn't open to you any more."]}) from error
        method = beginnings.way_in(member, has_password=bool(data["password"]) and user is None)
        workspace = {"id": member.workspace_id, "name": member.workspace.name}
        if method is None:
            return Response({"session": None, "workspace": workspace}, status=201)
        entered = entry.enter(request._request, member.user, method, into=member)
        return Response({"session": session_item(request._request, entered), "workspace": workspace}, status=201)


def _proven(request: Request) -> str:
    email = entry.proven_address(request._request)
    if email is None:
        raise exceptions.AuthenticationFailed("Prove your address first, by a code.", "address_not_proven")
    return email


def _check(data: dict[str, Any], places: dict[str, Any], user: User | None) -> None:
    wrong: dict[str, list[str]] = {}
    if data["place"] not in places:
        wrong["place"] = ["This isn't open to you."]
    if data["place"] == NEW_WORKSPACE and not data["workspace"]:
        wrong["workspace"] = ["Give it a name."]
    if user is None and not data["name"]:
        wrong["name"] = ["Say what colleagues and visitors call you."]
    if wrong:
        raise serializers.ValidationError(wrong)


class ResetInput(Input):
    token = serializers.CharField(max_length=200)
    password = serializers.CharField(max_length=limits.PASSWORD_CHARACTERS, trim_whitespace=False)


class PasswordResets(APIView):
    """A new password, by a link in a mail."""

    answers_secrets: ClassVar[bool] = True

    @extend_schema(request=AddressInput, responses={202: answer(CodeSentShape)})
    @allow(public=True)
    def post(self, request: Request) -> Response:
        """Have a link mailed. The answer is the same whether somebody has this address or not."""
        email = self.checked(AddressInput)["email"]
        passwords.request_reset(email, client_address=request_address(request._request))
        return Response({"expires_in": limits.RESET_SECONDS}, status=202)

    @extend_schema(request=ResetInput, responses={204: None})
    @allow(public=True)
    def put(self, request: Request) -> Response:
        """Set the password with the link's token. Every session of its owner ends."""
        data = self.checked(ResetInput)
        try:
            passwords.reset_password(data["token"], data["password"])
        except passwords.LinkEnded:
            raise Invalid("This link was used, has expired, or was replaced by another.", "link_ended") from None
        except ValidationError as error:
            raise serializers.ValidationError({"password": error.messages}) from error
        return Response(status=204)
