mod authorization_code;
mod elsewhere;
mod refresh_token;
