/* The least that a WebKitGTK program can do: one window with a page of text. Prints "painted" after the first frame that
   shows the page, and stays. The floor of "request -> prompt painted". */
#include <webkit2/webkit2.h>

static void after_paint(GdkFrameClock *clock, gpointer data) {
  (void)data;
  g_signal_handlers_disconnect_by_func(clock, after_paint, data);
  g_print("painted\n");
}

static void load_changed(WebKitWebView *view, WebKitLoadEvent event, gpointer window) {
  if (event != WEBKIT_LOAD_FINISHED) return;
  GdkFrameClock *clock = gtk_widget_get_frame_clock(GTK_WIDGET(window));
  g_signal_connect(clock, "after-paint", G_CALLBACK(after_paint), NULL);
  gtk_widget_queue_draw(GTK_WIDGET(view));
}

int main(int argc, char **argv) {
  gtk_init(&argc, &argv);
  setvbuf(stdout, NULL, _IOLBF, 0);
  GtkWidget *window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
  gtk_window_set_default_size(GTK_WINDOW(window), 440, 560);
  GtkWidget *view = webkit_web_view_new();
  g_signal_connect(view, "load-changed", G_CALLBACK(load_changed), window);
  g_signal_connect(window, "destroy", G_CALLBACK(gtk_main_quit), NULL);
  gtk_container_add(GTK_CONTAINER(window), view);
  webkit_web_view_load_html(WEBKIT_WEB_VIEW(view), "<h1>Send 4250.00 EUR to Meridian Supplies GmbH</h1>", NULL);
  gtk_widget_show_all(window);
  gtk_main();
  return 0;
}
