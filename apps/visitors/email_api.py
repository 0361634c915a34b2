"""REST for messengers: proving an address by a code that is mailed to it."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import limits
from apps.core.access import allow
from apps.core.api import APIView, Input
from apps.core.errors import Conflict, SessionExpired
from apps.core.network import request_address
from apps.core.shapes import answer
from apps.visitors import email_proof
from apps.visitors.email_proof import Blocked, CodesOff, Signed
from apps.visitors.live import own_item
from apps.visitors.models import Visitor
from apps.visitors.shapes import OwnVisitorShape
from apps.workspaces.shapes import CodeSentShape

OFF = "This workspace takes only what its own server has signed for proof of an address."
SIGNED = "The address of this visitor was signed by your server, and only it can change it."


class EmailClaimInput(Input):
    email = serializers.EmailField(max_length=254)


class EmailCodeInput(Input):
    code = serializers.RegexField(r"^[0-9]{6}$", max_length=6)


class EmailCodes(APIView):
    """Codes that are mailed to an address which a visitor says is theirs."""

    actor: Visitor

    @extend_schema(request=EmailClaimInput, responses={202: answer(CodeSentShape)})
    @allow(visitor=True)
    def post(self, request: Request) -> Response:
        """Have a code mailed to an address. It has six digits and works once, for 10 minutes, with five tries; a former one dies.

        The answer is the same whether a mail is sent or not: over a limit none is.
        """
        email = self.checked(EmailClaimInput)["email"]
        try:
            email_proof.request_code(self.actor, email, client_address=request_address(request._request))
        except Visitor.DoesNotExist:
            raise SessionExpired() from None
        except CodesOff:
            raise exceptions.PermissionDenied(OFF, "email_codes_off") from None
        except Signed:
            raise Conflict(SIGNED, "email_signed") from None
        return Response({"expires_in": limits.CODE_SECONDS}, status=202)


class EmailProof(APIView):
    """The proof that an address is the visitor's."""

    actor: Visitor

    @extend_schema(request=EmailCodeInput, responses=answer(OwnVisitorShape))
    @allow(visitor=True)
    def put(self, request: Request) -> Response:
        """Type the code. From now on the address is proven; who proved it before on another device is the same visitor, conversations and all."""
        code = self.checked(EmailCodeInput)["code"]
        try:
            proven = email_proof.redeem_code(self.actor, code, client_address=request_address(request._request))
        except CodesOff:
            raise exceptions.PermissionDenied(OFF, "email_codes_off") from None
        except Signed:
            raise Conflict(SIGNED, "email_signed") from None
        except Blocked:
            raise exceptions.PermissionDenied("This visitor is blocked.", "blocked") from None
        if proven is None:
            raise serializers.ValidationError({"code": ["This code is wrong or over. Ask for a new one."]})
        return Response(own_item(proven))
