# What Keyward needs in OpenBao, for mount = "secret" and prefix = "keyward".

# Its tokens: read, and write with check-and-set.
path "secret/data/keyward/*" {
  capabilities = ["create", "read", "update"]
}

# Listing, the versions there are, and deleting a token with all of them.
path "secret/metadata/keyward/*" {
  capabilities = ["read", "list", "delete"]
}
path "secret/metadata/keyward" {
  capabilities = ["list"]
}

# Versions whose grace has ended are destroyed.
path "secret/destroy/keyward/*" {
  capabilities = ["update"]
}

# Its own login. The policy "default" allows these too.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
