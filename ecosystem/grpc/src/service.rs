//! The server's side.

use std::pin::Pin;
use std::time::Duration;

use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use crate::generated::numbers_server::Numbers;
use crate::Number;

type Answer<T = Number> = Result<Response<T>, Status>;
type Numbered = Pin<Box<dyn Stream<Item = Result<Number, Status>> + Send>>;

pub struct Arithmetic;

#[tonic::async_trait]
impl Numbers for Arithmetic {
    /// Refuses what is negative; takes a minute for 0.
    async fn square(&self, request: Request<Number>) -> Answer {
        let value = request.into_inner().value;
        if value < 0 {
            return Err(Status::invalid_argument("a negative number"));
        }
        if value == 0 {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        Ok(Response::new(Number { value: value * value }))
    }

    type CountStream = Numbered;

    async fn count(&self, request: Request<Number>) -> Answer<Numbered> {
        let numbers =
            tokio_stream::iter(0..request.into_inner().value).map(|value| Ok(Number { value }));
        Ok(Response::new(Box::pin(numbers)))
    }

    async fn sum(&self, request: Request<Streaming<Number>>) -> Answer {
        let mut numbers = request.into_inner();
        let mut value = 0;
        while let Some(number) = numbers.next().await {
            value += number?.value;
        }
        Ok(Response::new(Number { value }))
    }

    type SumsStream = Numbered;

    /// Answers each number at once with the sum so far.
    async fn sums(&self, request: Request<Streaming<Number>>) -> Answer<Numbered> {
        let mut sum = 0;
        let sums = request.into_inner().map(move |number| {
            sum += number?.value;
            Ok(Number { value: sum })
        });
        Ok(Response::new(Box::pin(sums)))
    }
}
