mod audit;
mod chains;
mod credentials;
mod first_start;
mod moves;
mod tampering;
mod tokens;
mod versions;
