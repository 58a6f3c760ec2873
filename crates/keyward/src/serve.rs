mod client_address;
mod listen;
mod stop;
mod worker;
