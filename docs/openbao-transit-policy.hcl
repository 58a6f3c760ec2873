# What Keyward needs in OpenBao, for [keys.openbao_transit] with mount = "transit" and key = "keyward".

# Data keys are encrypted and decrypted; the key itself never leaves.
path "transit/encrypt/keyward" {
  capabilities = ["update"]
}
path "transit/decrypt/keyward" {
  capabilities = ["update"]
}

# Its own login. The policy "default" allows these too.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
