//! The service `numbers.Numbers`, told to tonic's generator by hand: no .proto file, no protoc.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let method = |name: &str, route: &str| {
        Method::builder()
            .name(name)
            .route_name(route)
            .input_type("crate::Number")
            .output_type("crate::Number")
            .codec_path("tonic_prost::ProstCodec")
    };
    let service = Service::builder()
        .package("numbers")
        .name("Numbers")
        .method(method("square", "Square").build())
        .method(method("count", "Count").server_streaming().build())
        .method(method("sum", "Sum").client_streaming().build())
        .method(method("sums", "Sums").client_streaming().server_streaming().build())
        .build();
    Builder::new().compile(&[service]);
}
