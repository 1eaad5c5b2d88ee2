// java.net.http on its defaults, which offers HTTP/2 by an upgrade: `Jdk.java follow URL`, or
// `Jdk.java post URL CONTENT-TYPE BODY…`.

import java.io.ByteArrayInputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

class Jdk {
    static final PrintStream OUT = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    static final HttpClient CLIENT = HttpClient.newHttpClient();

    public static void main(String[] args) throws Exception {
        URI uri = URI.create(args[1]);
        if (args[0].equals("follow")) {
            new Jdk().follow(uri);
        } else {
            for (String body : Arrays.copyOfRange(args, 3, args.length)) post(uri, args[2], body);
        }
    }

    // Posts a body twice on one client: with its length, and chunked. Writes each answer's body as a
    // line, and its status as another.
    static void post(URI uri, String type, String body) throws Exception {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        for (var publisher : new HttpRequest.BodyPublisher[] {
            BodyPublishers.ofByteArray(bytes),
            BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(bytes)),
        }) {
            var request = HttpRequest.newBuilder(uri).header("Content-Type", type).POST(publisher).build();
            var response = CLIENT.send(request, BodyHandlers.ofString());
            OUT.println(response.body().strip() + "\n" + response.statusCode());
        }
    }

    String lastEventId = "";

    // Writes the envelope of each event as a line; ends where the log has a gap.
    void follow(URI uri) throws InterruptedException {
        while (true) {
            var request = HttpRequest.newBuilder(uri).header("Accept", "text/event-stream");
            if (!lastEventId.isEmpty()) request.header("Last-Event-ID", lastEventId);
            try {
                Map<String, String> fields = new HashMap<>();
                CLIENT.send(request.build(), BodyHandlers.ofLines()).body().forEach(line -> take(fields, line));
            } catch (IOException | UncheckedIOException error) {
                System.err.println(error);
            }
            Thread.sleep(200);
        }
    }

    void take(Map<String, String> fields, String line) {
        if (!line.isEmpty()) {
            String[] field = line.split(": ", 2);
            fields.put(field[0], field[1]);
            return;
        }
        lastEventId = fields.getOrDefault("id", lastEventId);
        if (!fields.containsKey("event")) {
            OUT.println(fields.get("data"));
        } else if (fields.get("event").equals("tricast.reset")) {
            System.err.println(fields.get("data"));
            System.exit(1);
        }
        fields.clear();
    }
}
