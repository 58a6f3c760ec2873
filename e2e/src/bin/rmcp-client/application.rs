//! The application around the SDK: connects, and answers the server's challenges with the SDK's OAuth.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use rmcp::model::{CallToolRequestParams, CallToolResult, ProgressNotificationParam};
use rmcp::service::{NotificationContext, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::{
    AuthClient, AuthorizationCallback, AuthorizationManager, AuthorizationRequest, OAuthState, WWWAuthenticateParams,
};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, RoleClient, ServiceError, ServiceExt};
use serde_json::{Value, json};
use url::Url;

use crate::authorization::{Person, Record};

/// Hears the progress that a call makes.
#[derive(Clone, Default)]
pub(crate) struct Listening(Arc<Mutex<Vec<Value>>>);

impl ClientHandler for Listening {
    async fn on_progress(&self, progress: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        let told = json!({ "progress": progress.progress, "total": progress.total, "message": progress.message });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(told);
    }
}

/// How a call ended that was not answered.
pub(crate) enum Refused {
    Unauthorized,
    Forbidden,
}

pub(crate) struct Application {
    server: String,
    script: Value,
    pub(crate) person: Person,
    pub(crate) record: Arc<Record>,
    /// May a browser be opened?
    pub(crate) interactive: bool,
    http: AuthClient<reqwest::Client>,
    running: Option<RunningService<RoleClient, Listening>>,
    progress: Listening,
}

impl Application {
    pub(crate) async fn new(script: &Value) -> Result<Self> {
        let server = script["server"].as_str().context("no server")?.to_owned();
        let record = Arc::new(Record::default());
        let manager = AuthorizationManager::new_with_oauth_http_client(&server, record.client()?).await?;
        Ok(Self {
            person: Person::new(script["person"].clone()).await?,
            script: script.clone(),
            http: AuthClient::new(reqwest::Client::new(), manager),
            server,
            record,
            interactive: true,
            running: None,
            progress: Listening::default(),
        })
    }

    /// Connects, with the browser if the server wants it.
    pub(crate) async fn login(&mut self) -> Result<()> {
        if let Some(challenge) = self.connect().await? {
            self.authorize(&challenge).await?;
            if let Some(challenge) = self.connect().await? {
                bail!("still refused: {challenge}");
            }
        }
        Ok(())
    }

    pub(crate) async fn disconnect(&mut self) -> Result<()> {
        if let Some(running) = self.running.take() {
            running.cancel().await?;
        }
        Ok(())
    }

    pub(crate) fn running(&self) -> Result<&RunningService<RoleClient, Listening>> {
        self.running.as_ref().context("not connected")
    }

    /// Calls a tool; where more scope is needed the person is asked for it and the call made again.
    pub(crate) async fn call(&mut self, call: CallToolRequestParams) -> Result<Result<CallToolResult, Refused>> {
        match self.running()?.call_tool(call.clone()).await {
            Ok(result) => Ok(Ok(result)),
            Err(error) => {
                let challenge = challenge_of(&error)?;
                let base = Url::parse(&self.server)?;
                let parameters = WWWAuthenticateParams::parse(&challenge, &base);
                match (parameters.is_insufficient_scope(), self.interactive) {
                    (true, true) => {
                        self.step_up(&parameters.scope.context("a challenge without scope")?).await?;
                        Ok(Ok(self.running()?.call_tool(call).await?))
                    }
                    (true, false) => Ok(Err(Refused::Forbidden)),
                    (false, _) => Ok(Err(Refused::Unauthorized)),
                }
            }
        }
    }

    /// The progress told since it was asked last.
    pub(crate) fn progress(&self) -> Vec<Value> {
        std::mem::take(&mut *self.progress.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Revokes what we hold (RFC 7009), for which the SDK has no call.
    pub(crate) async fn log_out(&self) -> Result<Vec<Value>> {
        let manager = self.http.auth_manager.lock().await;
        let (client_id, tokens) = manager.get_credentials().await?;
        let tokens = serde_json::to_value(tokens.context("no tokens")?)?;
        let metadata = manager.resolve_metadata().await?.metadata;
        let endpoint = metadata.additional_fields.get("revocation_endpoint").and_then(Value::as_str);
        let endpoint = endpoint.context("the metadata names no revocation_endpoint")?;
        let mut told = Vec::new();
        for hint in ["refresh_token", "access_token"] {
            let token = tokens[hint].as_str().with_context(|| format!("there is no {hint}"))?;
            let form = [("token", token), ("token_type_hint", hint), ("client_id", &client_id)];
            let body = keyward_e2e::http::form_urlencoded(&form);
            let request = reqwest::Client::new().post(endpoint).body(body);
            let answer = request.header("content-type", "application/x-www-form-urlencoded").send().await?;
            if answer.status().as_u16() != 200 {
                bail!("revoking the {hint}: {}", answer.status());
            }
            told.push(json!({ "token_type_hint": hint, "status": 200 }));
        }
        Ok(told)
    }

    /// Connects with what we have; the server's challenge if that is not enough.
    async fn connect(&mut self) -> Result<Option<String>> {
        let config = StreamableHttpClientTransportConfig::with_uri(self.server.clone());
        let transport = StreamableHttpClientTransport::with_client(self.http.clone(), config);
        match self.progress.clone().serve(transport).await {
            Ok(running) => {
                self.running = Some(running);
                Ok(None)
            }
            Err(error) => match error.auth_challenge() {
                Some(challenge) => Ok(Some(challenge.to_owned())),
                None => Err(error.into()),
            },
        }
    }

    async fn authorize(&mut self, challenge: &str) -> Result<()> {
        let mut state = OAuthState::new_with_oauth_http_client(&self.server, self.record.client()?).await?;
        let mut request = AuthorizationRequest::new(self.person.redirect_uri()?)
            .with_challenge(challenge)
            .with_initial_scope_selection();
        if let Some(name) = self.script["client_name"].as_str() {
            request = request.with_client_name(name);
        }
        if let Some(scope) = self.script["scope"].as_str() {
            request = request.with_scopes(scope.split(' '));
        }
        state.start_authorization(request).await?;
        let answer = self.person.authorize(&state.get_authorization_url().await?).await?;
        state.handle_callback_url(&answer).await?;
        let manager = state.into_authorization_manager().context("the SDK is not authorized")?;
        self.http = AuthClient::new(reqwest::Client::new(), manager);
        Ok(())
    }

    async fn step_up(&mut self, scope: &str) -> Result<()> {
        let manager = self.http.auth_manager.clone();
        let url = manager.lock().await.request_scope_upgrade(scope).await?;
        let answer = AuthorizationCallback::from_redirect_url(&self.person.authorize(&url).await?)?;
        let manager = manager.lock().await;
        let issuer = answer.issuer.as_deref();
        manager.exchange_code_for_token_with_issuer(&answer.code, &answer.csrf_token, issuer).await?;
        Ok(())
    }
}

fn challenge_of(error: &ServiceError) -> Result<String> {
    error.auth_challenge().map(str::to_owned).with_context(|| format!("{error:#}"))
}
