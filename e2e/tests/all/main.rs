//! Keyward as its users meet it. One program, so that it is linked once; one module a subject.

mod scene;
mod traffic;

mod official_clients;
mod sdk_python;
mod sdk_rmcp;
mod sdk_ts1;
mod sdk_ts2;
mod sdk_ts_2025_03_26;

mod conformance_authorization;
mod conformance_server;
mod everything_progress;

mod gateway_bad_input;
mod gateway_tokens;
mod gateway_upstream;
mod oauth_bad_input;
mod token_bad_input;

mod infisical;
mod openbao;
mod phases;

mod direct;
mod direct_bad_provider;
mod direct_better_auth;
mod direct_canaille;
mod direct_moving;
mod direct_oidc_provider;
mod direct_outage;
mod direct_second_keyward;
mod direct_stytch;
mod stytch_oracle;

mod account_page;
mod audit;
mod audit_retention;
mod audit_vocabulary;
mod backup;
mod broker;
mod broker_afterwards;
mod broker_better_auth;
mod broker_canaille;
mod broker_second_keyward;
mod connections;
mod connections_mcp;
mod demo;
mod keys_kill;
mod keys_recovery;
mod restart;
mod secrets_in_output;
mod startup;
mod survival_clock;
mod survival_disk;
mod survival_migration;
mod survival_postgres;
mod survival_tampering;
mod token_endpoints;
mod token_rotation;
