"""Single sign-on by OpenID Connect: a workspace's own provider says who somebody is, and only to that workspace."""
