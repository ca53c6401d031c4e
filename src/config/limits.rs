//! `[limits]`: the bounds as plain numbers, and the shapes in which the actors take them.

use std::time::Duration;

use guildhall_actors::limits::{ChatLimits, ConnectionLimits, LogLimits, OutboxLimits};

use super::reader::Section;

/// Every field is named as its setting; `keys::limits` has ranges and meanings.
#[derive(Clone, Debug)]
pub struct Limits {
    pub message_chars: usize,
    pub extra_data_bytes: usize,
    pub inbound_bytes: usize,
    pub idle_sec: u64,
    pub connect_sec: u64,
    pub login_key_leeway_sec: u64,
    pub chat_per_sec: u32,
    pub chat_burst: u32,
    pub outbox_bytes: usize,
    pub outbox_frames: usize,
    pub send_buffer_bytes: usize,
    pub close_grace_ms: u64,
    pub sockets_per_ip_per_sec: u32,
    pub sockets_per_ip_burst: u32,
    pub api_per_sec: u32,
    pub api_burst: u32,
    pub failures_per_ip_per_sec: u32,
    pub failures_per_ip_burst: u32,
    pub body_bytes: usize,
    pub webhook_body_bytes: usize,
    pub channels_per_player: usize,
    pub one_on_one_per_player: usize,
    pub blocks_per_player: usize,
    pub resume_sec: u64,
    pub idempotency_sec: u64,
    pub log_events: u64,
    pub log_sec: u64,
    pub history_events: u64,
    pub history_days: u64,
}

impl Limits {
    pub(super) fn read(section: &Section<'_>) -> Self {
        Self {
            message_chars: section.whole("message_chars"),
            extra_data_bytes: section.whole("extra_data_bytes"),
            inbound_bytes: section.whole("inbound_bytes"),
            idle_sec: section.whole("idle_sec"),
            connect_sec: section.whole("connect_sec"),
            login_key_leeway_sec: section.whole("login_key_leeway_sec"),
            chat_per_sec: section.whole("chat_per_sec"),
            chat_burst: section.whole("chat_burst"),
            outbox_bytes: section.whole("outbox_bytes"),
            outbox_frames: section.whole("outbox_frames"),
            send_buffer_bytes: section.whole("send_buffer_bytes"),
            close_grace_ms: section.whole("close_grace_ms"),
            sockets_per_ip_per_sec: section.whole("sockets_per_ip_per_sec"),
            sockets_per_ip_burst: section.whole("sockets_per_ip_burst"),
            api_per_sec: section.whole("api_per_sec"),
            api_burst: section.whole("api_burst"),
            failures_per_ip_per_sec: section.whole("failures_per_ip_per_sec"),
            failures_per_ip_burst: section.whole("failures_per_ip_burst"),
            body_bytes: section.whole("body_bytes"),
            webhook_body_bytes: section.whole("webhook_body_bytes"),
            channels_per_player: section.whole("channels_per_player"),
            one_on_one_per_player: section.whole("one_on_one_per_player"),
            blocks_per_player: section.whole("blocks_per_player"),
            resume_sec: section.whole("resume_sec"),
            idempotency_sec: section.whole("idempotency_sec"),
            log_events: section.whole("log_events"),
            log_sec: section.whole("log_sec"),
            history_events: section.whole("history_events"),
            history_days: section.whole("history_days"),
        }
    }

    pub fn connection(&self) -> ConnectionLimits {
        ConnectionLimits {
            message_chars: self.message_chars,
            extra_data_bytes: self.extra_data_bytes,
            idle: Duration::from_secs(self.idle_sec),
            connect: Duration::from_secs(self.connect_sec),
            chat_per_sec: self.chat_per_sec,
            chat_burst: self.chat_burst,
            login_key_leeway: Duration::from_secs(self.login_key_leeway_sec),
        }
    }

    pub fn outbox(&self) -> OutboxLimits {
        OutboxLimits { bytes: self.outbox_bytes, frames: self.outbox_frames }
    }

    pub fn chat(&self) -> ChatLimits {
        ChatLimits {
            channels_per_player: self.channels_per_player,
            one_on_one_per_player: self.one_on_one_per_player,
            blocks_per_player: self.blocks_per_player,
            resume: Duration::from_secs(self.resume_sec),
            idempotency: Duration::from_secs(self.idempotency_sec),
        }
    }

    pub fn log(&self) -> LogLimits {
        LogLimits {
            events: self.log_events,
            age: Duration::from_secs(self.log_sec),
            history_events: self.history_events,
            history_age: Duration::from_secs(self.history_days * 24 * 3600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{keys, testing};
    use super::*;

    #[test]
    fn the_defaults_are_those_the_actors_state() {
        let limits = testing::defaults().limits;
        let same = |ours: String, theirs: String| assert_eq!(ours, theirs);
        same(format!("{:?}", limits.connection()), format!("{:?}", ConnectionLimits::default()));
        same(format!("{:?}", limits.outbox()), format!("{:?}", OutboxLimits::default()));
        same(format!("{:?}", limits.chat()), format!("{:?}", ChatLimits::default()));
        same(format!("{:?}", limits.log()), format!("{:?}", LogLimits::default()));
    }

    #[test]
    fn every_limit_is_read_into_the_field_of_its_name() {
        let limits = |text: &str| {
            let reader = testing::reader(text);
            let limits = format!("{:?}", Limits::read(&reader.section("limits")));
            assert_eq!(reader.into_mistakes(), [], "{text}");
            limits
        };
        let defaults = limits("");
        for key in keys::section("limits").keys {
            let default: i64 = key.sample().parse().unwrap();
            let expected =
                defaults.replacen(&format!("{}: {default}", key.name), &format!("{}: {}", key.name, default + 1), 1);
            assert_ne!(expected, defaults);
            assert_eq!(limits(&format!("[limits]\n{} = {}", key.name, default + 1)), expected);
        }
    }
}
