mod authorization_code;
mod refresh_token;
