//! Several threads of a node on one server: each is called where it listens.

use std::pin::pin;
use std::sync::Arc;
use std::thread;

use guildhall::adapters::redis::Redis;
use guildhall_actors::event::{EventBody, Position};
use guildhall_actors::ports::{Channels, NewEvent, Ring};
use tokio::sync::{mpsc, oneshot};

use super::epochs::{NOW, make_room, room};
use super::store::single;
use crate::support::{eventually, within};

/// Which thread was told of which place.
type Told = (String, Position);

/// A thread that listens until this is dropped.
struct Listening(Option<(oneshot::Sender<()>, thread::JoinHandle<()>)>);

impl Listening {
    async fn start(name: &str, store: &Redis, told: mpsc::UnboundedSender<Told>) -> Self {
        let (store, (subscribed, is_subscribed), (end, ended)) =
            (store.clone(), oneshot::channel(), oneshot::channel());
        let listen = async move {
            let subscriber = Arc::new(move |ring: Ring| {
                if let Ring::Event(event) = ring {
                    let here = thread::current().name().expect("a name").to_owned();
                    told.send((here, event.position)).expect("the test listens");
                }
            });
            store.subscribe(&room(), subscriber).await.expect("the room exists");
            subscribed.send(()).expect("the test waits for it");
            let _ = ended.await; // it ends with the test
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || runtime.block_on(listen));
        within("the subscription", is_subscribed).await.expect("the thread lives");
        Self(Some((end, thread.expect("a thread"))))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.0.take() {
            drop(end);
            thread.join().expect("it ends in good order");
        }
    }
}

#[tokio::test]
async fn a_channel_is_heard_once_and_on_the_thread_that_subscribed_last() {
    let (server, store) = single().await;
    make_room(&store).await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let _first = Listening::start("first", &store, tell.clone()).await;
    let _second = Listening::start("second", &store, tell).await;
    let lines = async || {
        let bells: Vec<String> = server.command(&["PUBSUB", "SHARDCHANNELS", "guildhall:*room*"]).await;
        let (_, lines): (String, u64) = server.command(&["PUBSUB", "SHARDNUMSUB", &bells[0]]).await;
        (lines == 1).then_some(())
    };
    eventually("the first thread's line lets go", lines).await;
    for _ in 0..3 {
        let event = NewEvent::new(EventBody::Custom { payload: "news".into() });
        let place = store.append(&room(), event, NOW).await.expect("the store takes it");
        let heard = within("the event rings", told.recv()).await;
        assert_eq!(heard, Some(("second".to_owned(), place)));
    }
}

#[tokio::test]
async fn another_thread_that_listens_does_not_make_the_node_unready() {
    let (_server, store) = single().await;
    make_room(&store).await;
    eventually("the node is ready", async || store.ping().await.ok()).await;
    let mut listening = pin!(Listening::start("other", &store, mpsc::unbounded_channel().0));
    let _other = loop {
        tokio::select! {
            listening = &mut listening => break listening,
            () = tokio::task::yield_now() => store.ping().await.expect("the node is still ready"),
        }
    };
}
