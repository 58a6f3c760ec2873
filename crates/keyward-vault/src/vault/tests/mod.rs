mod audit;
mod chains;
mod credentials;
mod first_start;
mod tampering;
mod tokens;
mod versions;
