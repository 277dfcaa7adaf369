# SPDX-License-Identifier: PostgreSQL
# Rails' ActionCable with its async adapter, under puma, to be used as pgcable-bare is: says
# "listening on PORT"; lines of its input are messages, "each" broadcasts them.
require 'logger'
require 'action_cable'
require 'puma'
require 'puma/server'

class Connection < ActionCable::Connection::Base
end

module Chats
  class RoomChannel < ActionCable::Channel::Base
    def subscribed
      stream_from 'room'
    end
  end
end

server = ActionCable.server
server.config.cable = { 'adapter' => 'async' }
server.config.connection_class = -> { Connection }
server.config.disable_request_forgery_protection = true
server.config.logger = Logger.new(File::NULL)

puma = Puma::Server.new(server)
port = puma.add_tcp_listener('127.0.0.1', 0).addr[1]
puma.run
puts "listening on #{port}"
$stdout.flush

messages = []
$stdin.each_line(chomp: true) do |line|
  if line == 'each'
    messages.each { |message| server.broadcast('room', message) }
    messages = []
  else
    messages << line
  end
end
