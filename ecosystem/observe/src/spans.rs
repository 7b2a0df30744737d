//! A span is entered with each poll of its task and left after it, on whatever thread that is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use kit::Outcome;
use tokio::task::JoinSet;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Instrument, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

const JOBS: u64 = 50;
const STEPS: u64 = 40;

/// The one number that a span or an event of this program bears.
#[derive(Default)]
struct Number(u64);

impl Visit for Number {
    fn record_u64(&mut self, _: &Field, value: u64) {
        self.0 = value;
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

/// Notes, for each event, the job whose span it is in.
#[derive(Clone, Default)]
struct Witness(Arc<Mutex<HashMap<u64, Vec<u64>>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Witness {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut number = Number::default();
        attributes.record(&mut number);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(number);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(event).filter(|span| span.name() == "job") else {
            return;
        };
        let job = span.extensions().get::<Number>().map_or(u64::MAX, |n| n.0);
        let mut step = Number::default();
        event.record(&mut step);
        self.0.lock().unwrap().entry(job).or_default().push(step.0);
    }
}

pub async fn follow_tasks() -> Outcome {
    let witness = Witness::default();
    tracing::subscriber::set_global_default(Registry::default().with(witness.clone()))?;
    let mut jobs = JoinSet::new();
    for job in 0..JOBS {
        let steps = async {
            for step in 0..STEPS {
                tracing::info!(step);
                tokio::task::yield_now().await;
            }
        };
        jobs.spawn(steps.instrument(tracing::info_span!("job", job)));
    }
    while let Some(end) = jobs.join_next().await {
        end?;
    }
    assert!(tracing::Span::current().is_none(), "a span has been left open");
    let seen = witness.0.lock().unwrap();
    assert_eq!(seen.len() as u64, JOBS);
    assert!(
        seen.values().all(|steps| steps.iter().copied().eq(0..STEPS)),
        "a step is in a wrong span"
    );
    kit::ok(format_args!("tracing: {} events of {JOBS} tasks, each in its span", JOBS * STEPS));
    Ok(())
}
