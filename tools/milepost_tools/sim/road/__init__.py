"""Days of trucks on the road with the truth beside them: traffic lights, jams, tunnels, ferries, yards."""
